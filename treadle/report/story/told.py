"""The story of one model against another, as the templates take it: what changed, how many flipped, flips to read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from treadle.domains.registry import get
from treadle.evaluate.compare.arms import Arm
from treadle.evaluate.compare.comparison import Pair
from treadle.evaluate.records import Problem, Sample
from treadle.evaluate.runs import Run
from treadle.evaluate.store import PAGE
from treadle.report.anchors import Anchors, anchor
from treadle.report.parts import cut, limit_for, parts, size
from treadle.report.story.changes import change_rows, summary
from treadle.report.story.flips import Change, Flip, Place, Shares, attempts_to_read, changes, counted, to_read
from treadle.report.story.losses import Losses, fault_table, loss_table, sentence
from treadle.report.text import label, shortened
from treadle.scoring.thoughts import ThoughtTags
from treadle.trajectory import Step

BUDGET = 1_500_000
"""Bytes of a page that the texts of flips may take, of all its stories together."""
STATEMENT, ANSWER = 8000, 300
"""Characters of a statement and of an answer that are shown."""
LISTED = 200
"""Problems of one kind that are listed by name."""


@dataclass(frozen=True)
class Side:
    """One of the two models.

    Args:
        name: As the page calls it.
        runs: Where its texts are; several where seeds were put together.
        shares: Right attempts and attempts, by problem, mode and decoding.
        page: Link to the page that has all of its attempts; empty for the page itself.
    """

    name: str
    runs: tuple[Run, ...]
    shares: Shares
    page: str | None = None


def page_of(folder: Path, beside: Path) -> str | None:
    """The page of a run's folder as a link from a page in `beside`, where it has one."""
    page = folder / PAGE
    return quote(Path(os.path.relpath(page.resolve(), beside.resolve())).as_posix()) if page.is_file() else None


def arm_side(arm: Arm, beside: Path) -> Side:
    """The side of an arm of a comparison, from the verdicts that the comparison has read already.

    Args:
        beside: Folder of the page.
    """
    found: Counter[Place] = Counter()
    count: Counter[Place] = Counter()
    modes = dict.fromkeys(
        mode for entry in arm.runs[0].results["benchmarks"].values() for mode in entry.get("modes", {})
    )
    for mode in modes:
        for benchmark, decoding in arm.columns(mode):
            for run in arm.runs:
                right_PK = run.right(benchmark, mode, decoding)
                for problem, right_K in zip(run.problems[benchmark], right_PK, strict=True):
                    found[benchmark, problem.id, mode, decoding] += int(right_K.sum())
                    count[benchmark, problem.id, mode, decoding] += right_K.size
    shares = {place: (found[place], count[place]) for place in count}
    return Side(arm.name, arm.runs, shares, page_of(arm.runs[0].folder, beside))


def told(
    before: Side, after: Side, pairs: Sequence[Pair], anchors: Anchors, prefix: tuple[str, ...] = (), stories: int = 1
) -> dict[str, Any]:
    """The variables of `story.html.j2` for two models.

    Args:
        pairs: Tests of `after` against `before`; none where they could not be made.
        prefix: What the addresses of flips begin with, where a page has several stories.
        stories: How many share the page.
    """
    found = changes(before.shares, after.shares)
    counts = counted(found)
    chosen = to_read(found)
    texts = [attempts_to_read(side.runs, chosen, side is after) for side in (before, after)]
    limit = limit_for((size(s.text) for side in texts for s, _ in side.values()), BUDGET // stories)
    problems = {(p.benchmark, p.id): p for run in before.runs for listed in run.problems.values() for p in listed}
    flips = [
        _flip(flip, problems[flip.place[:2]], (before, after), [side.get(flip.place) for side in texts], limit)
        for flip in chosen
    ]
    for flip in flips:
        flip["anchor"] = anchors.take(*prefix, *flip["names"])
    return {
        "before": before.name,
        "after": after.name,
        "summary": summary(pairs) if pairs else None,
        "rows": change_rows(pairs, counts),
        "counts": [] if pairs else [(", ".join(column), by) for column, by in counts.items()],
        # A problem can be gained in one figure and lost in another.
        "flipped": len({flip.place[:2] for flip in found if flip.change is not Change.SAME}),
        "gained": _named(found, Change.GAINED),
        "lost": _named(found, Change.LOST),
        "flips": flips,
    }


def lost(models: Sequence[tuple[str, Losses]]) -> dict[str, Any]:
    """The variables of the macro `losses`: for each model a sentence, and the tables of all."""
    return {
        "sentences": [(name, sentence(losses)) for name, losses in models],
        "table": loss_table(models),
        "faults": fault_table(models),
    }


def _named(found: Sequence[Flip], kind: Change) -> dict[str, Any]:
    """Problems of one kind by name, each once, and how many there are beyond those."""
    keys = list(dict.fromkeys(flip.place[:2] for flip in found if flip.change is kind))
    return {"count": len(keys), "keys": ["/".join(key) for key in keys[:LISTED]], "more": len(keys[LISTED:])}


def _flip(
    flip: Flip,
    problem: Problem,
    sides: tuple[Side, Side],
    attempts: Sequence[tuple[Sample, ThoughtTags] | None],
    limit: int,
) -> dict[str, Any]:
    benchmark, id, mode, decoding = flip.place
    return {
        "names": (benchmark, id),
        "key": f"{benchmark}/{id}",
        "column": f"{mode}, {decoding}",
        "change": flip.change,
        "label": label(Step(problem.problem), characters=110),
        "code": (domain := get(problem.domain)) is not None and domain.as_code,
        "statement": shortened(problem.problem, STATEMENT),
        "reference": shortened(problem.answer, ANSWER),
        "links": [(s.name, f"{s.page}#{anchor(benchmark, id)}") for s in sides if s.page is not None],
        "sides": [
            _side(side.name, counts, found, limit)
            for side, counts, found in zip(sides, (flip.before, flip.after), attempts, strict=True)
        ],
    }


def _side(name: str, counts: tuple[int, int], found: tuple[Sample, ThoughtTags] | None, limit: int) -> dict[str, Any]:
    right, count = counts
    shown: dict[str, Any] = {"name": name, "share": f"{right} of {count} right" if count > 1 else "", "found": None}
    if found is None:
        return shown
    sample, tags = found
    whole = parts(sample.text, sample.thoughts, sample.steps, tags)
    facts = {
        "right": sample.right,
        "verdict": str(sample.verdict).replace("_", " "),
        "why": shortened(sample.why, ANSWER),
        "answer": None if sample.answer is None else shortened(sample.answer, ANSWER),
        "stop": str(sample.stop).replace("_", " "),
        "fault": str(sample.fault).replace("_", " ") if sample.fault else "",
        "tokens": sample.n_tokens,
        "attempt": sample.key.index + 1 if count > 1 else None,
        "parts": [(str(kind), text.strip("\n")) for kind, text in cut(whole, limit) if text.strip()],
    }
    return {**shown, "found": facts}
