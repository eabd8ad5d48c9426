"""The form `numbered`: a problem and a solution in numbered steps, in columns of a preset or named by the user.

Reasoning in the solution (see `thoughts`), or in a column of its own, becomes the thought of the first step.
`meta["preamble"]`, the steps' texts and `meta["epilogue"]` together are the solution byte for byte, after the thought
column where that gives the thought. Marks that stood inside the thought or behind the epilogue's first word are in
`meta["thought_marks"]` and `meta["epilogue_marks"]`, each with its place; numbers that begin no step, in
`meta["passed_numbers"]`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from treadle.data.sources.answer_check import LONGEST
from treadle.data.sources.cells import first_text, one_text, texts_of
from treadle.data.sources.columns import PRESETS, PROBLEM_NAMES, Columns, detect, is_s1k, missing_columns
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.math.answers_form import matches as answers_match
from treadle.data.sources.math.numbered import NumberedSolution
from treadle.data.sources.math.problem import problem_text
from treadle.data.sources.math.reference import flag, math_trajectory, reference_answer
from treadle.data.sources.math.segmentation import solution_steps
from treadle.data.sources.math.solutions import Found, candidates, choose
from treadle.data.sources.math.step_text import around, without_lone_tags
from treadle.data.sources.report import DropReason
from treadle.data.sources.thoughts import cut_marks, part_thought, thought_marks, with_cuts
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory

PASSED_KEPT = 20
"""Numbers that begin no step which `meta` names."""


def solve(
    row: Row, problem: str, found: Found, columns: Columns | None = None, options: ReadOptions | None = None
) -> Trajectory:
    """The trajectory of a numbered solution, or with `options.segment` of one in prose.

    Args:
        found: The solution, with or without reasoning before it.
        columns: The user's, or a preset's, where these are known.
        options: See `solution_steps`.

    Raises:
        Rejected: The text has no answer, or the answer is not in numbered steps.
    """
    options = options or ReadOptions()
    parted = part_thought(found.text)
    if not parted.rest.strip():
        raise Rejected(DropReason.EMPTY_SOLUTION, f"column {found.column!r}")
    if left := thought_marks(parted.rest):
        detail = f"several think tags: what is thought and what is answer is open ({left[0]} after the first thought)"
        raise Rejected(DropReason.MALFORMED, detail)
    parsed, cut_at_joints = solution_steps(parted.rest, options.untitled, options.segment)
    if not isinstance(parsed, NumberedSolution):
        raise Rejected(parsed, parted.rest.strip()[:200])
    opening, thought, closing = parted.before, parted.thought, parted.between
    meta: dict[str, Any] = {"thought_marks": parted.cuts} if parted.cuts else {}
    if found.thought and not thought:
        lead, thought, trail = around(found.thought)
        opening, closing = lead, trail + opening + closing
    elif found.thought and found.thought.strip() != thought:
        meta["other_thought"] = found.thought
    parsed = replace(parsed, steps=tuple(map(without_lone_tags, parsed.steps)))
    steps, epilogue, cuts = _ended(parsed, parted.after)
    if cuts:
        meta["epilogue_marks"] = cuts
    preamble, first = opening + closing + parsed.preamble, steps[0]
    if thought:
        preamble, first = opening, replace(first, thought=thought, before=closing + parsed.preamble + first.before)
    if found.of > 1:
        meta["generation"] = [found.column, found.place]
    if found.system:
        meta["system"] = found.system
    if parsed.passed:
        meta["passed_numbers"] = list(parsed.passed[:PASSED_KEPT])
    if cut_at_joints:
        meta["segmented"] = options.segment
    own = cut_marks(parted.after)[0].strip()
    trajectory = math_trajectory(
        row,
        problem,
        (first, *steps[1:]),
        columns=columns,
        preamble=preamble,
        epilogue=epilogue,
        own=own if own and len(own) <= LONGEST else None,
        reference=reference_answer(row.data, found.column, columns),
        verified=found.right if found.right is not None else flag(row.data, columns.verified if columns else None),
    )
    return replace(trajectory, meta={**trajectory.meta, **meta})


def _ended(parsed: NumberedSolution, after: str) -> tuple[tuple[Step, ...], str, tuple[tuple[int, str], ...]]:
    """Steps, the epilogue without marks, and the marks with their places in it.

    The epilogue is shown to models and the text around steps is not: marks right behind the last step go there.
    """
    epilogue, cuts = cut_marks(parsed.epilogue + after)
    leading = "".join(mark for place, mark in cuts if not epilogue[:place].strip())
    if not leading:
        return parsed.steps, epilogue, cuts
    blank = max(place for place, mark in cuts if not epilogue[:place].strip())
    text = with_cuts(epilogue[:blank], tuple(cut for cut in cuts if cut[0] <= blank))
    *others, last = parsed.steps
    left = tuple((place - blank, mark) for place, mark in cuts if place > blank)
    return (*others, replace(last, after=last.after + text)), epilogue[blank:], left


def read_numbered(row: Row, columns: Columns, options: ReadOptions | None = None) -> Trajectory:
    """The trajectory of a row whose columns are known.

    Raises:
        Rejected: A column is missing or empty, or the solution is not in numbered steps.
    """
    if missing := [name for name in columns.required if name not in row.data]:
        raise Rejected(
            DropReason.MISSING_COLUMN,
            f"{missing_columns(missing, row.data)}. Name columns with --columns problem=NAME,solution=NAME",
        )
    problem = problem_text(row, columns.problem)
    solution = one_text(row.data[columns.solution])
    if isinstance(solution, list) and texts_of(solution):
        raise Rejected(
            DropReason.MALFORMED,
            f"column {columns.solution!r} is a list of {len(solution)} texts, expected one text in numbered steps; "
            "where each is a step, add --format step-list",
        )
    text = expect(solution or "", str, f"column {columns.solution!r}")
    cell = one_text(row.data.get(columns.thought)) if columns.thought else None
    thought = expect(cell or "", str, f"column {columns.thought!r}")
    return solve(row, problem, Found(columns.solution, text, thought), columns, options)


def read(row: Row, options: ReadOptions) -> Trajectory:
    """The trajectory of a row, by the user's columns, a preset's that the row has alone, or the usual names.

    Raises:
        Rejected: See `read_numbered` and `choose`.
    """
    if options.columns is not None:
        return read_numbered(row, options.columns, options)
    if is_s1k(row.data):
        return read_numbered(row, PRESETS["s1k-1.1"], options)
    found = choose(row.data, options.untitled, options.segment, options.success_at)
    if found is None and (columns := detect(row.data)) is not None:
        return read_numbered(row, columns, options)  # says what is blank or of another type
    if found is None:
        presets = "; ".join(f"{name}: {' and '.join(c.required)}" for name, c in PRESETS.items())
        raise Rejected(
            DropReason.MISSING_COLUMN,
            f"found {', '.join(map(str, row.data)) or 'none'}, expected one of the presets ({presets}). "
            "Name others with --columns problem=NAME,solution=NAME",
        )
    problem = found.problem if found.problem and not first_text(row.data, PROBLEM_NAMES) else problem_text(row)
    return solve(row, problem, found, PRESETS["plain"] if found.column == "solution" else None, options)


def matches(row: Row) -> bool:
    return bool(candidates(row.data)) or (detect(row.data) is not None and not answers_match(row))


FORM = Form(
    name="numbered",
    description="a problem and a solution in numbered, titled steps",
    matches=matches,
    read=read,
)
