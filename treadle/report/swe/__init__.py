"""Runs and grades of software-engineering tasks, for `treadle view` and `treadle compare`.

page.py        the page of a run or of grades
instances.py   a task on it: patch, verdict, steps beside the expert's; listed_tests.py its tests before and after
figures.py     figures with intervals and verdicts with reasons, as rows of tables
compare.py     several graded runs side by side, as text, page, pictures and data
"""
