"""The first pass: a chunk of rows becomes a part, in whichever process has time.

Here everything is done that looks at one trajectory alone: reading, curation, shortening, signatures, overlap with
evaluation problems. What needs to know the other trajectories is decided in the second pass, by `selection`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow as pa

from treadle.data.curate.duplicates import content_hash, signature
from treadle.data.curate.language import other_language
from treadle.data.curate.overlap import EvaluationIndex, Overlap
from treadle.data.curate.replay import replayed
from treadle.data.curate.shortening import shorten_observations
from treadle.data.curate.steps import curate_steps, length_faults
from treadle.data.instances import target_steps
from treadle.data.prepare.settings import PrepareSettings
from treadle.data.sources.agents.turns import outside_steps
from treadle.data.sources.native import SCHEMA, to_row
from treadle.data.sources.origin import origin_in, origin_title
from treadle.data.sources.reading import Outcome, read_chunk
from treadle.data.sources.report import DropReason
from treadle.domains.registry import find
from treadle.files.chunks import Chunk
from treadle.files.encodings import encodable
from treadle.files.rows import Rejected
from treadle.trajectory import Step, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Record = TypeVar("Record", Trajectory, Step)

PART_SCHEMA = SCHEMA.append(pa.field("targets", pa.list_(pa.int16())))


@dataclass(frozen=True)
class Facts:
    """What the second pass has to know of a trajectory.

    Args:
        taught_problem, origin: Of what `treadle teach` made: the problem's id, and where it came from in words.
    """

    id: str
    repo: str | None
    n_targets: int
    key: int
    overlap: Overlap | None
    taught_problem: str | None = None
    origin: str | None = None

    @property
    def group(self) -> str | None:
        """What is never split into training and validation: a repository, the solutions of one problem."""
        return self.repo or self.taught_problem


@dataclass
class Part:
    """What a chunk gave.

    Args:
        table: The kept trajectories, with the columns of `PART_SCHEMA`.
        facts: One for each row of `table`.
        signatures: `[K, P]` MinHash values of the K kept trajectories; empty where duplicates are not looked for.
        outcomes: Every row of the chunk: where, form, reason and detail; without the trajectory.
        changes: What curation changed, counted.
    """

    table: pa.Table
    facts: list[Facts]
    signatures: np.ndarray
    outcomes: list[Outcome]
    changes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class PartMaker:
    """Makes a `Part` of a `Chunk`; picklable, so that it can go to worker processes once."""

    settings: PrepareSettings
    tokenizer: PreTrainedTokenizerBase | None = None
    evaluation: EvaluationIndex | None = None

    def __call__(self, chunk: Chunk) -> Part:
        rows, facts, signatures, outcomes = [], [], [], []
        changes: Counter[str] = Counter()
        for outcome in read_chunk(chunk, self.settings):
            if self.settings.replay:
                outcome = replayed(outcome, self.settings.keep_unverified)
            if outcome.trajectory is not None:
                try:
                    trajectory, targets = self._curated(outcome.trajectory, changes)
                    overlap = self._overlap(trajectory)
                except Rejected as rejected:
                    outcome = outcome._replace(reason=rejected.reason, detail=rejected.detail)
                else:
                    rows.append({**to_row(trajectory), "targets": targets})
                    key = 0
                    if self.settings.duplicates != "off":
                        key = content_hash(trajectory)
                        signatures.append(signature(trajectory))
                    facts.append(_facts(trajectory, len(targets), key, overlap))
            outcomes.append(outcome._replace(trajectory=None))
        table = pa.Table.from_pylist(rows, PART_SCHEMA)
        return Part(table, facts, np.array(signatures), outcomes, +changes)

    def _curated(self, trajectory: Trajectory, changes: Counter[str]) -> tuple[Trajectory, list[int]]:
        """The trajectory as it is written, and its target steps."""
        settings = self.settings
        find(trajectory.domain)  # raises; a prompt of it would, too, after all rows were read
        trajectory, replaced = _encodable(trajectory)
        if settings.answers_only:
            return trajectory, []
        if settings.language and (other := other_language(trajectory, settings.language)):
            raise Rejected(DropReason.OTHER_LANGUAGE, f"{other}: {trajectory.steps[0].action}")
        trajectory, removed = curate_steps(trajectory, settings)
        faults = length_faults(trajectory, settings)
        targets = [k for k in target_steps(len(trajectory.steps), settings.targets) if faults[k - 1] is None]
        if not targets:
            raise Rejected(DropReason.TOO_FEW_STEPS, f"{len(trajectory.steps)} steps, none of them a target")
        if settings.observation_tokens is not None:
            trajectory, shortened = shorten_observations(trajectory, settings.observation_tokens, self.tokenizer)
            changes["observations shortened to --observation-tokens"] += shortened
        changes["solutions without numbered steps, cut at their joints (--segment prose)"] += (
            "segmented" in trajectory.meta
        )
        changes["texts whose lone surrogates were replaced by U+FFFD"] += replaced
        changes.update(outside_steps(trajectory))
        for change in [*removed.elements(), *filter(None, faults)]:
            changes[f"steps {change.explanation}"] += 1
        return trajectory, targets

    def _overlap(self, trajectory: Trajectory) -> Overlap | None:
        overlap = self.evaluation.match(trajectory.problem) if self.evaluation else None
        if overlap and self.settings.drop_overlap:
            raise Rejected(DropReason.OVERLAPS_EVALUATION, str(overlap))
        return overlap


def _facts(trajectory: Trajectory, n_targets: int, key: int, overlap: Overlap | None) -> Facts:
    made = origin_in(trajectory.meta)
    taught = (made["problem_id"], origin_title(made)) if made else (None, None)
    return Facts(trajectory.id, trajectory.repo, n_targets, key, overlap, *taught)


def _encodable(trajectory: Trajectory) -> tuple[Trajectory, int]:
    """The trajectory with lone surrogates replaced, which no UTF-8 file can hold, and the number of texts changed.

    JSON may hold them as escapes, where a tool decoded the output of a program with errors.
    """
    mended = [_mended(step, _STEP_TEXTS) for step in trajectory.steps]
    steps, counts = tuple(step for step, _ in mended), [count for _, count in mended]
    trajectory, own = _mended(trajectory, _TRAJECTORY_TEXTS)
    return (replace(trajectory, steps=steps) if sum(counts) else trajectory), own + sum(counts)


_TRAJECTORY_TEXTS = ("id", "problem", "answer", "domain", "system", "repo")
_STEP_TEXTS = ("action", "title", "thought", "observation", "before", "after", "call")


def _mended(record: Record, names: tuple[str, ...]) -> tuple[Record, int]:
    texts = {name: text for name in names if (text := getattr(record, name))}
    mended = {name: found for name, text in texts.items() if (found := encodable(text)) != text}
    return (replace(record, **mended) if mended else record), len(mended)
