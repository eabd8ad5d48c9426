"""What a teacher is given to do: problems to solve, or solutions to rewrite, and what of a file is neither.

Everything that can be known before a request is looked at here, so that nothing is paid for in vain: problems without
an answer, references that no grader reads, and problems that overlap with evaluation sets are left out, with a reason
and a count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from treadle.data.curate.overlap import EvaluationIndex
from treadle.data.curate.problems import load_problems
from treadle.data.sources.columns import parse_columns
from treadle.data.sources.reading import read_trajectories
from treadle.data.sources.report import ReadReport
from treadle.data.sources.thoughts import cut_marks
from treadle.domains.registry import find
from treadle.errors import DataError, Explained
from treadle.evaluate.benchmarks import load_data
from treadle.scoring.references import unreadable
from treadle.teacher.asking import Assignment
from treadle.trajectory import Trajectory

Part = Literal["solution", "thought", "both"]
"""What of a row is rewritten."""
Item = TypeVar("Item")


class LeftOut(Explained):
    """Why a row is not given to the teacher."""

    NO_ANSWER = "no_answer", "it has no answer to compare with (take it with --unverified)"
    UNREADABLE = "unreadable_reference", "no grader reads its reference"
    OVERLAP = "overlaps_evaluation", "its problem overlaps with one of --against"
    HELD_OUT = "held_out", "it is a task for testing (--split test takes those)"
    INVALID = "does_not_validate", "its gold patch does not resolve it, or its tests pass without"
    NO_ENVIRONMENT = "no_environment", "this machine could not build or run its environment"
    OTHER_DOMAIN = "other_domain", "its steps are calls or code, or it has no answer in a box"
    NO_THOUGHT = "no_thought", "it has no reasoning to rewrite (--original)"
    SAME_ID = "duplicate_id", "an earlier row has the same id"
    LIMIT = "beyond_limit", "it comes after the first rows (--limit)"


@dataclass
class Assignments(Generic[Item]):
    """What is to be done: an `Assignment` each, or a software-engineering task.

    Args:
        source: Where it was read.
        read: Rows that were read.
        left_out: Those of them that are not given to the teacher, by reason: of `LeftOut`, of the reader of
            trajectories or of that of problems.
    """

    source: str
    items: list[Item] = field(default_factory=list)
    read: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def record(self) -> dict[str, Any]:
        """`inputs` of report.json."""
        return {
            "source": self.source,
            "read": self.read,
            "given": len(self.items),
            "left_out": {reason: count for reason, count in self.left_out.most_common() if count},
        }


def problems_to_solve(
    source: str,
    columns: str | None = None,
    kind: str = "math",
    split: str = "train",
    unverified: bool = False,
    domain: str | None = None,
) -> Assignments[Assignment]:
    """The problems of a file or prepared folder.

    Args:
        source, columns, kind, split: See `treadle.evaluate.benchmarks.load_data`.
        unverified: Take those without an answer, too.
        domain: Of the rows of a file.

    Raises:
        DataError: It cannot be read.
    """
    found = load_data(source, split, columns, domain or Trajectory.domain, kind, unanswered=True)
    left_out = Counter({str(reason): count for reason, count in found.left_out.items()})
    assignments = Assignments[Assignment](found.source, left_out=left_out, read=len(found.problems) + left_out.total())
    for problem in found.problems:
        if not problem.answer and not unverified:
            left_out[str(LeftOut.NO_ANSWER)] += 1
        elif problem.answer and unreadable(problem.answer, problem.kind):
            left_out[str(LeftOut.UNREADABLE)] += 1
        else:
            assignments.items.append(Assignment(problem.id, problem.problem, problem.answer or None, problem.kind))
    return assignments


def solutions_to_rewrite(
    source: str,
    columns: str | None = None,
    kind: str = "math",
    part: Part = "solution",
    unverified: bool = False,
    domain: str | None = None,
) -> Assignments[Assignment]:
    """The solutions of a file, folder or hub data set, in whatever form `treadle prepare` reads, steps or none.

    Solutions that their source marks as failed, or whose answer is not their reference, are left out by the reader.

    Args:
        columns: See `treadle.data.sources.columns.parse_columns`.
        kind: How answers are graded.
        part: What is rewritten: the solution, the reasoning before it, or both.
        unverified: Take solutions without a final answer, such as proofs, too.
        domain: Of all of them, whatever their form says.

    Raises:
        DataError: It cannot be read.
    """
    report = ReadReport()
    rows = read_trajectories(
        source,
        report=report,
        columns=parse_columns(columns) if columns else None,
        untitled="keep",
        segment="prose",
        domain=domain,
    )
    assignments, left_out = Assignments[Assignment](source), Counter[str]()
    seen: set[str] = set()
    for trajectory in rows:
        given = _rewriting(trajectory, kind, part, unverified)
        if isinstance(given, Assignment) and given.id in seen:
            given = LeftOut.SAME_ID
        if isinstance(given, LeftOut):
            left_out[str(given)] += 1
            continue
        seen.add(given.id)
        assignments.items.append(given)
    assignments.read = report.read
    assignments.left_out = Counter({str(reason): count for reason, count in report.dropped.items()}) + left_out
    return assignments


def _rewriting(trajectory: Trajectory, kind: str, part: Part, unverified: bool) -> Assignment | LeftOut:
    if not find(trajectory.domain).written:
        return LeftOut.OTHER_DOMAIN
    if not trajectory.answer and not unverified:
        return LeftOut.NO_ANSWER
    if trajectory.answer and unreadable(trajectory.answer, kind):
        return LeftOut.UNREADABLE
    thought = "\n\n".join(step.thought for step in trajectory.steps if step.thought)
    if part != "solution" and not thought:
        return LeftOut.NO_THOUGHT
    texts = {"solution": [_solution(trajectory)], "thought": [thought], "both": [thought, _solution(trajectory)]}
    original = "\n\n".join(texts[part])
    return Assignment(trajectory.id, trajectory.problem, trajectory.answer, kind, original, thought)


def _solution(trajectory: Trajectory) -> str:
    """A trajectory's solution without thoughts and their marks."""
    steps, meta = trajectory.steps, trajectory.meta
    around = any(step.before or step.after for step in steps)
    body = ("" if around else "\n").join(step.before + step.action + step.after for step in steps)
    return cut_marks(f"{meta.get('preamble', '')}{body}{meta.get('epilogue', '')}")[0].strip()


def without_overlap(assignments: Assignments[Assignment], against: Sequence[str]) -> Assignments[Assignment]:
    """Those whose problem overlaps with no problem of these evaluation sets.

    Args:
        against: Names or files, see `treadle.data.curate.problems.load_problems`.

    Raises:
        DataError: A set cannot be read.
    """
    if not against:
        return assignments
    index = EvaluationIndex({name: load_problems(name) for name in against})
    return only(assignments, (index.match(item.problem) is None for item in assignments.items), LeftOut.OVERLAP)


def first(assignments: Assignments[Item], limit: int | None) -> Assignments[Item]:
    """The first so many."""
    if limit is None:
        return assignments
    return only(assignments, (place < limit for place in range(len(assignments.items))), LeftOut.LIMIT)


def only(assignments: Assignments[Item], wanted: Iterable[bool], reason: LeftOut) -> Assignments[Item]:
    """Those that are wanted, the others counted under their reason."""
    items = [item for item, keep in zip(assignments.items, wanted, strict=True) if keep]
    lost = len(assignments.items) - len(items)
    left_out = assignments.left_out + Counter({str(reason): lost})
    return Assignments(assignments.source, items, assignments.read, left_out)


def refuse_none(assignments: Assignments[Any]) -> None:
    """Raise `DataError` if nothing is to be done, with the reasons."""
    if assignments.items:
        return
    counts = ", ".join(f"{count:,} {reason}" for reason, count in assignments.left_out.most_common())
    hints = {
        LeftOut.NO_ANSWER: "; --unverified takes problems without an answer",
        LeftOut.HELD_OUT: "; --split test takes tasks for testing",
    }
    hint = "".join(said for reason, said in hints.items() if assignments.left_out[str(reason)])
    raise DataError(f"{assignments.source}: none of {assignments.read:,} rows is left to be given ({counts}){hint}")
