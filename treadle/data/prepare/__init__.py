"""Prepare training data: see `treadle.data.prepare.run`."""

from treadle.data.prepare.report import PrepareReport, as_markdown
from treadle.data.prepare.run import prepare
from treadle.data.prepare.settings import PrepareSettings

__all__ = ["PrepareReport", "PrepareSettings", "as_markdown", "prepare"]
