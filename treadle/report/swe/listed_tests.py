"""The tests of a task before and after a patch: those to mend, others that changed, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from treadle.evaluate.swe.parsers import PASSED
from treadle.evaluate.swe.records import Graded, SweInstance
from treadle.report.text import shortened

MOST = 40
"""Tests of one task that a page names; the others are counted."""
NAME = 300
"""Characters of a test's name."""
FAIL_TO_PASS, PASS_TO_PASS, LISTED = "FAIL_TO_PASS", "PASS_TO_PASS", "listed"
NOT_KNOWN, NOT_RUN = "not known", "not run"


@dataclass(frozen=True)
class ListedTests:
    """What a page shows of the tests of one task.

    Args:
        ran: Whether the tests ran with the patch.
        rows: Name, kind, status before and after; those that have not passed come first.
        more: Tests that belong among the rows and are left out.
        rest: The tests that did not change, as lines with their number.
    """

    ran: bool = False
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    more: int = 0
    rest: list[str] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        """For the page's script."""
        return {"ran": self.ran, "rows": self.rows, "more": self.more, "rest": self.rest}


def listed_tests(graded: Graded, task: SweInstance | None) -> ListedTests:
    """The tests of a task.

    Args:
        graded: Its statuses.
        task: Says which test is of which kind; without it every test is just listed.
    """
    if not graded.after:
        return ListedTests()
    of_kinds: Iterable[tuple[str, Iterable[str]]] = [(LISTED, {**graded.before, **graded.after})]
    if task is not None:
        of_kinds = [(FAIL_TO_PASS, task.fail_to_pass), (PASS_TO_PASS, task.pass_to_pass)]
    rows, rest = [], Counter()
    for kind, tests in of_kinds:
        for test in tests:
            before, after = graded.before.get(test, NOT_KNOWN), graded.after.get(test, NOT_RUN)
            # Before the patch these pass by definition, whether or not that was looked at here.
            was = PASSED if kind == PASS_TO_PASS and before == NOT_KNOWN else before
            if kind == FAIL_TO_PASS or was != after:
                rows.append((shortened(test, NAME), kind, before, after))
            else:
                rest[kind, after] += 1
    rows.sort(key=lambda row: (row[3] == PASSED, row[1] != FAIL_TO_PASS))
    said = [f"{count:,} {kind} {after} before and after" for (kind, after), count in rest.items()]
    return ListedTests(True, rows[:MOST], max(0, len(rows) - MOST), said)
