"""Checks of the text as text: its length, its language, and whether it repeats itself."""

from __future__ import annotations

import numpy as np

from treadle.data.curate.language import check_language, other_language
from treadle.data.curate.words import run_hashes, word_hashes
from treadle.files.rows import Rejected
from treadle.teacher.checks import Check, Fault, Reason
from treadle.teacher.checks.reading import trajectory_of
from treadle.teacher.drafts import Draft

RUN = 10
"""Words of a run that may come again."""


class Length(Check):
    """The solution has a number of characters within a band, thoughts aside.

    Args:
        least, most: The band, both included.
    """

    name = "length"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, draft: Draft) -> Fault | None:
        length = len(draft.text)
        if length < self.least:
            return Fault(Reason.TOO_SHORT, f"it has {length:,} characters, expected {self.least:,} or more")
        if length > self.most:
            return Fault(Reason.TOO_LONG, f"it has {length:,} characters, expected {self.most:,} at most")
        return None


class Language(Check):
    """The prose of the steps is not plainly in another language, see `treadle.data.curate.language`.

    Args:
        wanted: An ISO 639 code such as `en`.

    Raises:
        DataError: It is none that can be told.
    """

    name = "language"

    def __init__(self, wanted: str) -> None:
        check_language(wanted)
        self.wanted = wanted

    def __call__(self, draft: Draft) -> Fault | None:
        found = trajectory_of(draft)
        if isinstance(found, Rejected):
            return None  # of what has no steps the form speaks
        other = other_language(found, self.wanted)
        return other and Fault(Reason.OTHER_LANGUAGE, f"it is in {other!r}, expected {self.wanted!r}")


class Repetition(Check):
    """Not too many of the text's runs of ten words occurred before in it.

    Ten words is the longest run that the filters of Gopher look at (Rae et al. 2021, table A1); mathematics repeats its
    formulas, so that their bar of 0.1 for prose does not fit here.

    Args:
        most: Share of the runs that may have occurred before.
    """

    name = "repetition"

    def __init__(self, most: float) -> None:
        self.most = most

    def __call__(self, draft: Draft) -> Fault | None:
        share = repeated_share(draft.text)
        if share <= self.most:
            return None
        return Fault(Reason.REPEATS, f"{share:.0%} of its runs of {RUN} words came before, expected {self.most:.0%}")


def repeated_share(text: str) -> float:
    """The share of a text's runs of ten words that occurred before in it; 0 for a text of fewer words."""
    runs = run_hashes(word_hashes(text), RUN)
    return 1 - len(np.unique(runs)) / len(runs) if len(runs) else 0.0
