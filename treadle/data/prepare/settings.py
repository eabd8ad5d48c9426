"""Everything that decides what `treadle prepare` writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from treadle.data.curate.steps import StepCuration
from treadle.data.instances import Context, Rendering, Targets
from treadle.data.sources.reading import ReadSettings

Duplicates = Literal["report", "drop", "off"]


@dataclass(frozen=True)
class PrepareSettings(ReadSettings, StepCuration):
    """Settings of `treadle prepare`: those of reading rows and of curating steps, and these.

    Args:
        split: Split of a hub data set.
        max_row_mb: Rows of more megabytes are dropped unread.
        targets, give_title, context: What the instances are, see `step_instances`.
        observation_tokens: Longer observations are shortened in the middle to this many tokens.
        replay: Play trajectories again, and judge them, where their domain has an environment or a verdict of its own,
            see `treadle.data.curate.replay`.
        language: Drop trajectories whose actions are in another natural language.
        duplicates: Whether exact and near duplicates are reported, dropped, or not looked for.
        near_threshold: Jaccard similarity of word shingles from which two trajectories are near duplicates.
        against: Evaluation sets, by name or file, with which problems must not overlap.
        drop_overlap: Drop problems that overlap instead of reporting them.
        repo_cap: Most trajectories of one repository.
        held_out: Trajectories kept for validation: a count, or a share below 1. The split is by trajectory, and by
            repository where there is one, so that neither is on both sides.
        materialise: Also write the instances as plain rows with their prompts.
        trust_remote_code: Whether Python code that comes with the tokenizer was executed.
    """

    split: str = "train"
    max_row_mb: float = 64.0
    targets: Targets = "skip_last"
    give_title: bool = False
    context: Context = "full"
    observation_tokens: int | None = None
    replay: bool = True
    language: str | None = None
    duplicates: Duplicates = "report"
    near_threshold: float = 0.8
    against: tuple[str, ...] = ()
    drop_overlap: bool = False
    repo_cap: int | None = None
    held_out: float = 0.05
    seed: int = 0
    materialise: bool = False
    trust_remote_code: bool = False

    @property
    def rendering(self) -> Rendering:
        return Rendering(self.give_title, self.context)
