"""Runs side by side, for `treadle compare`.

page.py    Markdown, the page and its files
rows.py    what stands in a row: an arm's figures, or the paper's
plots.py   pictures for papers; report/svg the small ones of the page
steps.py   next steps with their floors, in both
"""

from treadle.report.compare.page import as_markdown, write_comparison

__all__ = ["as_markdown", "write_comparison"]
