"""The form `numbered`: a problem and a solution in numbered steps, in columns of a preset or named by the user.

Reasoning before `</think>` in the solution, or in a thought column, becomes the thought of the first step.
`meta["preamble"]`, the steps' texts and `meta["epilogue"]` together are the solution byte for byte, after the thought
column where that gives the thought.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from treadle.data.sources.columns import PRESETS, Columns, detect
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.numbered import NumberedSolution, Untitled, around
from treadle.data.sources.reference import flag, math_trajectory, problem_text, reference_answer
from treadle.data.sources.report import DropReason
from treadle.data.sources.segmentation import Segment, solution_steps
from treadle.files.rows import Rejected, Row
from treadle.scoring.thoughts import PLAIN
from treadle.trajectory import Trajectory

OPENING, CLOSING = PLAIN.pair


class Reasoning(NamedTuple):
    """A text cut at its think tags; the four parts put together are the text.

    Args:
        opening: What stands before the thought: the opening tag, if there is one, and white space.
        thought: Without white space around it; empty if the text has no reasoning.
        closing: White space and the closing tag.
        rest: The answer.
    """

    opening: str
    thought: str
    closing: str
    rest: str


def split_reasoning(text: str) -> Reasoning:
    """Cut `reasoning</think>answer`, with or without the opening tag; a text without tags is all answer.

    Raises:
        Rejected: A tag stands where it leaves open what is thought and what is answer.
    """
    if CLOSING not in text:
        if OPENING in text:
            raise Rejected(DropReason.EMPTY_SOLUTION, f"{OPENING} is never closed, so there is no answer")
        return Reasoning("", "", "", text)
    head, _, rest = text.partition(CLOSING)
    before, opened, inner = head.partition(OPENING)
    if CLOSING in rest or OPENING in rest or OPENING in inner:
        raise Rejected(DropReason.MALFORMED, "several think tags: what is thought and what is answer is open")
    if not opened:
        before, inner = "", head
    lead, thought, trail = around(inner)
    return Reasoning(before + opened + lead, thought, trail + CLOSING, rest)


def solve(
    row: Row,
    problem: str,
    text: str,
    solution: str,
    columns: Columns | None = None,
    untitled: Untitled = "drop",
    segment: Segment = "off",
) -> Trajectory:
    """The trajectory of a numbered solution, or with `segment` of one in prose.

    Args:
        text: The solution, with or without reasoning before it.
        solution: Name of the column that it is from.
        columns: The user's, or a preset's, where these are known.
        untitled, segment: See `solution_steps`.

    Raises:
        Rejected: The text has no answer, or the answer is not in numbered steps.
    """
    opening, thought, closing, rest = split_reasoning(text)
    if not rest.strip():
        raise Rejected(DropReason.EMPTY_SOLUTION, f"column {solution!r}")
    parsed, cut_at_joints = solution_steps(rest, untitled, segment)
    if not isinstance(parsed, NumberedSolution):
        raise Rejected(parsed, rest.strip()[:200])
    if not thought and columns and columns.thought:
        cell = expect(row.data.get(columns.thought) or "", str, f"column {columns.thought!r}")
        lead, thought, trail = around(cell)
        opening, closing = lead, trail + opening + closing
    preamble, first = opening + closing + parsed.preamble, parsed.steps[0]
    if thought:
        preamble, first = opening, replace(first, thought=thought, before=closing + parsed.preamble + first.before)
    trajectory = math_trajectory(
        row,
        problem,
        (first, *parsed.steps[1:]),
        columns=columns,
        preamble=preamble,
        epilogue=parsed.epilogue,
        reference=reference_answer(row.data, solution, columns),
        verified=flag(row.data, columns.verified if columns else None),
    )
    return replace(trajectory, meta={**trajectory.meta, "segmented": segment}) if cut_at_joints else trajectory


def read_numbered(row: Row, columns: Columns, untitled: Untitled = "drop", segment: Segment = "off") -> Trajectory:
    """The trajectory of a row whose columns are known.

    Raises:
        Rejected: A column is missing or empty, or the solution is not in numbered steps.
    """
    if missing := [name for name in columns.required if name not in row.data]:
        raise Rejected(
            DropReason.MISSING_COLUMN,
            f"no column {' and no column '.join(map(repr, missing))}; found {', '.join(map(str, row.data))}. "
            "Name columns with --columns problem=NAME,solution=NAME",
        )
    problem = problem_text(row, columns.problem)
    text = expect(row.data[columns.solution] or "", str, f"column {columns.solution!r}")
    return solve(row, problem, text, columns.solution, columns, untitled, segment)


def read(row: Row, options: ReadOptions) -> Trajectory:
    columns = options.columns or detect(row.data)
    if columns is None:
        presets = "; ".join(f"{name}: {' and '.join(c.required)}" for name, c in PRESETS.items())
        raise Rejected(
            DropReason.MISSING_COLUMN,
            f"found {', '.join(map(str, row.data)) or 'none'}, expected one of the presets ({presets}). "
            "Name others with --columns problem=NAME,solution=NAME",
        )
    return read_numbered(row, columns, options.untitled, options.segment)


FORM = Form(
    name="numbered",
    description="a problem and a solution in numbered, titled steps",
    matches=lambda row: detect(row.data) is not None,
    read=read,
)
