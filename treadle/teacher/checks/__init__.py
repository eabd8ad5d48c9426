"""Checks: what a draft must be to be kept, one idea each.

A check of a single draft has a name, and says of a draft what is wrong with it or nothing. A check of many (agreement,
duplicates) takes all drafts in a fixed order and says it of each. Both name a `Reason`, which is counted, and words for
this draft, which a teacher is told when it is asked again.

form         numbered, titled steps, whole and readable by `treadle prepare`      form.py
answer       the final answer is the reference                                    answer.py
follows      each step of a rewriting stands in its original                      follows.py
length       a band of characters                                                 text.py
language     the natural language                                                 text.py
repetition   runs of words that come again and again                              text.py
agreement    most samples of a problem give this answer                           agreement.py
duplicates   not (nearly) what is kept already, or what is there                  duplicates.py
resolved     of an agent's episode: its patch resolves the task                   resolved.py
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from treadle.errors import Explained
from treadle.teacher.drafts import Draft


class Reason(Explained):
    """Why a draft is not kept; the members' values are names in report.json and rejected.jsonl."""

    EMPTY = "empty", "there is no solution outside of the thoughts"
    CUT_OFF = "cut_off", "the limit of tokens ended it (--max-new-tokens)"
    OPEN_THOUGHT = "open_thought", "a thought is never closed, so that there is no solution"
    NO_STEPS = "no_numbered_steps", "the solution is not in numbered steps"
    NUMBERING = "bad_numbering", "the numbers of the steps do not run 1, 2, 3 ..."
    UNTITLED = "untitled_steps", "a step has no title"
    FEW_STEPS = "too_few_steps", "fewer steps than --min-steps"
    UNREADABLE = "unreadable", "`treadle prepare` would not read it"
    NO_ANSWER = "no_answer", "it gives no final answer in a box"
    WRONG = "wrong_answer", "its final answer is not the reference"
    UNDECIDED = "undecided_answer", "the grader cannot tell whether its answer is the reference"
    UNSCORABLE = "unscorable_answer", "the grader could not judge it: no reference that it reads, or it gave up"
    STRAYS = "strays_from_original", "formulas and numbers of a step do not occur in the original (--follows)"
    TOO_SHORT = "too_short", "fewer characters than the band of --chars"
    TOO_LONG = "too_long", "more characters than the band of --chars"
    OTHER_LANGUAGE = "other_language", "it is in another language than --language"
    REPEATS = "repeats_itself", "too many runs of words come again (--repetition)"
    MINORITY = "minority_answer", "too few samples of the problem give its answer (--agreement)"
    EXACT_DUPLICATE = "exact_duplicate", "an earlier one has the same problem and the same steps"
    NEAR_DUPLICATE = "near_duplicate", "an earlier one is nearly the same (--near-threshold)"
    HINT = "speaks_of_the_hint", "it speaks of the answer that it was given as a hint"
    OVER_CAP = "over_cap", "as many solutions of its problem are kept as `keep` allows"


class Fault(NamedTuple):
    """What is wrong with a draft.

    Args:
        reason: Is counted; a `Reason`, or of an agent's episode an `EpisodeFault`.
        detail: What was found in this draft and what was expected, in words that can be said to a teacher.
    """

    reason: Explained
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail or self.reason.explanation}"


class Check(Protocol):
    """A check of one draft.

    Attributes:
        name: Goes into `Origin.checks` of what passes.
    """

    name: str

    def applies(self, draft: Draft) -> bool:
        """Whether the draft has what is looked at; one that has not is not said to have passed."""
        return True

    def __call__(self, draft: Draft) -> Fault | None:
        """What is wrong with the draft, `None` for nothing. Never raises on any text."""
        ...


class SetCheck(Protocol):
    """A check that looks at many drafts together, in the order in which the earlier is preferred.

    Attributes:
        name: Goes into `Origin.checks` of what passes.
    """

    name: str

    def faults(self, drafts: Iterable[Draft]) -> list[Fault | None]:
        """What is wrong with each; of the drafts no more is held than the check needs."""
        ...


def first_fault(draft: Draft, checks: Iterable[Check]) -> tuple[Draft, Fault | None]:
    """The draft with the names of the checks that it passed, and what the first that it did not pass says."""
    for check in checks:
        if not check.applies(draft):
            continue
        if (fault := check(draft)) is not None:
            return draft, fault
        draft = draft.passed(check.name)
    return draft, None
