"""The page of an evaluation run, for `treadle evaluate` and `treadle view`.

page.py       all of it: what is on the page, what is in side files
building.py   how they take their place; scripts.py the scripts of a page
attempts.py   problems and attempts as the page's data; steps.py the same of next steps, beside the expert's
tables.py     figures with intervals; plots.py the same drawn
against.py    what came out otherwise in another run
"""

from treadle.report.evaluation.page import write_evaluation_report

__all__ = ["write_evaluation_report"]
