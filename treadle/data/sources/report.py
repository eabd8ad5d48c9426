"""What became of each row that was read: kept, or dropped for a named reason. Nothing is dropped silently."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from treadle.errors import Explained
from treadle.files.rows import Unreadable

EXAMPLES_KEPT = 3
COMPARED = "answers compared with the reference"
"""Topic of notes: what the comparison said, `none` where there was nothing to compare."""
FINAL_ANSWERS = "final answers that may be graded otherwise than they are meant"
"""Topic of notes: reference answers that graders do not read as they may be meant."""
DETAIL = 300
"""Characters of what was found in a dropped row that reports show."""


class DropReason(Explained):
    """Why a row gave no trajectory."""

    # The row itself
    UNREADABLE_FILE = Unreadable.FILE.value, Unreadable.FILE.explanation
    UNREADABLE_JSON = Unreadable.JSON.value, Unreadable.JSON.explanation
    NOT_AN_OBJECT = Unreadable.NO_OBJECT.value, Unreadable.NO_OBJECT.explanation
    UNREADABLE_TABLE = Unreadable.TABLE.value, Unreadable.TABLE.explanation
    ROW_TOO_LARGE = Unreadable.TOO_LARGE.value, Unreadable.TOO_LARGE.explanation
    TIMED_OUT = "timed_out", "reading took longer than the limit for one row (--row-seconds)"
    UNKNOWN_FORM = "unknown_form", "no form recognises the row; name it with --format or --columns"
    MISSING_COLUMN = "missing_column", "a column that the form needs is missing"
    AMBIGUOUS_COLUMNS = "ambiguous_columns", "several columns may be the solution; name one with --columns"
    MALFORMED = "malformed", "a field has another type or shape than the form needs"
    FORM_FAILED = "form_failed", "the form's reader failed; this is a defect of the form"
    # What it says
    EMPTY_PROBLEM = "empty_problem", "there is no problem text"
    EMPTY_SOLUTION = "empty_solution", "there is no solution text"
    NO_TRAJECTORY = "no_trajectory", "the row has a result (such as a patch or an answer) but no steps that led to it"
    NO_ANSWER = "no_answer", "there is no final answer, which is all that --answers-only keeps"
    MARKED_AS_FAILED = "marked_as_failed", "the source marks it as failed (keep with --keep-unverified)"
    ANSWER_DIFFERS = "answer_differs", "its final answer is not the reference answer (keep with --keep-unverified)"
    VERDICT_WRONG = (
        "verdict_wrong",
        "its domain's verdict is wrong (keep with --keep-unverified, or judge nothing with --no-replay)",
    )
    MARKED_OTHERWISE = (
        "marked_otherwise",
        "the source marks it as right, and its domain's verdict is wrong (keep with --no-replay)",
    )
    REPLAY_DIFFERS = (
        "replay_differs",
        "its domain's environment answers otherwise than is recorded, or than it did before (keep with --no-replay)",
    )
    REPLAY_FAILED = (
        "replay_failed",
        "its domain's environment takes no such task, or fails at an action (keep with --no-replay)",
    )
    DUPLICATE_ID = "duplicate_id", "an earlier row has the same id"
    # Solutions in steps
    NO_NUMBERED_STEPS = "no_numbered_steps", "no line starts a numbered step (cut prose with --segment prose)"
    UNTITLED_STEPS = "untitled_steps", "a plain numbered list without titles (keep with --untitled keep)"
    STARTS_AFTER_ONE = "starts_after_one", "the first numbered step is not number 1"
    NUMBERING_GAP = "numbering_gap", "a step number is skipped or repeated"
    NUMBERING_RESTARTS = "numbering_restarts", "numbering starts again at 1 on the same level: the steps are ambiguous"
    OTHER_PROOF = "other_proof", "a formal proof that is not in Lean 4 tactics, one below the other"
    # Agents
    NO_ACTIONS = "no_actions", "no turn of the assistant holds an action"
    TURN_WITHOUT_ACTION = "turn_without_action", "a turn of the assistant before the last holds no action"
    SEVERAL_ACTIONS = "several_actions", "a turn holds several actions, and it is open which of them was carried out"
    NOT_EXECUTED = (
        "not_executed",
        "a chat with blocks of code that nothing carried out, so that no environment answered",
    )
    PREFERENCE_PAIR = "preference_pair", "a chosen and a rejected answer, of which neither is named as the solution"
    EMPTY_ACTION = "empty_action", "an action is empty, so there is nothing to compare with"
    BROKEN_CALL = "broken_call", "a tool call has no name or no readable arguments"
    IMAGES = "images", "what the agent acted on is in images, which are not read"
    # Curation (on request)
    TOO_FEW_STEPS = "too_few_steps", "too few steps, or none that is a target under these settings"
    TOO_MANY_STEPS = "too_many_steps", "more steps than --max-steps"
    OTHER_LANGUAGE = "other_language", "the actions are in another language than --language"
    EXACT_DUPLICATE = "exact_duplicate", "an earlier row has the same problem and the same actions"
    NEAR_DUPLICATE = "near_duplicate", "an earlier row is nearly the same"
    OVERLAPS_EVALUATION = "overlaps_evaluation", "the problem overlaps with an evaluation problem of --against"
    REPOSITORY_CAP = "repository_cap", "its repository has as many trajectories as --repo-cap allows"


OF_FORM = frozenset(
    {DropReason.UNKNOWN_FORM, DropReason.NO_NUMBERED_STEPS, DropReason.STARTS_AFTER_ONE, DropReason.NOT_AN_OBJECT}
)
"""Reasons for which a row would have to be in another form; the others say what is wrong with it in its own."""


@dataclass
class ReadReport:
    """Counts of one pass; `read == kept + sum(dropped.values())` when the pass is over.

    Args:
        forms: How many rows were recognised as which form.
        examples: For each reason the first rows that it dropped, as `(where, what was found)`.
        notes: What was decided or changed without dropping, counted by topic: which column marked a row as right, what
            the comparison with the reference said, line ends that were changed.
        skipped_files: Files of a folder that were not opened, counted by reason.
    """

    read: int = 0
    kept: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    examples: dict[DropReason, list[tuple[str, str]]] = field(default_factory=dict)
    skipped_files: Counter[str] = field(default_factory=Counter)
    notes: dict[str, Counter[str]] = field(default_factory=dict)

    def note(self, topic: str, what: str) -> None:
        self.notes.setdefault(topic, Counter())[what] += 1

    def example_lines(self, most: int = EXAMPLES_KEPT) -> list[str]:
        """Dropped rows to print, what was found in several of them once."""
        found = {text: where for rows in self.examples.values() for where, text in reversed(rows)}
        return [f"  for example {where}: {text!r}" for text, where in found.items()][:most]

    def drop(self, reason: DropReason, where: str, text: str) -> None:
        self.dropped[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES_KEPT:
            examples.append((where, " ".join(text.split())[:DETAIL]))
