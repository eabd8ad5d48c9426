"""Tokens that an arm's stages went through, beside seconds: the same on a busy machine as on an idle one.

An RL stage goes through the prompts and completions of all groups that it sampled, dropped ones as well; SFT through
its conversations. Stages that led to an arm count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from treadle.errors import OutputError
from treadle.miniature.arms import Arm
from treadle.training.metric_lines import read_metrics

_TOKENS = "num_tokens"


def tokens_of(arms: Sequence[Arm], folder: Path, chosen: Mapping[str, str]) -> dict[str, float]:
    """Of each arm of a seed the tokens of its stages and of those before, by its name.

    Args:
        folder: The seed's.
        chosen: Of an arm that goes on from one of several the one that it was.

    Raises:
        OutputError: The metrics of a stage do not say.
    """
    known: dict[str, float] = {}
    by_name = {arm.name: arm for arm in arms}

    def of(arm: Arm) -> float:
        if arm.name not in known:
            before = chosen[arm.name] if len(arm.after) > 1 else next(iter(arm.after), None)
            known[arm.name] = (of(by_name[before]) if before else 0.0) + _of_stage(arm, folder)
        return known[arm.name]

    return {arm.name: of(arm) for arm in arms}


def _of_stage(arm: Arm, folder: Path) -> float:
    if arm.stage is None:
        return 0.0
    stage = folder / arm.name / f"1-{arm.stage['kind']}"
    counts = [log[_TOKENS] for log in read_metrics(stage / "metrics.jsonl") if _TOKENS in log]
    if not counts:
        raise OutputError(
            f"{stage / 'metrics.jsonl'}: found no {_TOKENS}, expected one a step; remove the folder to run the stage "
            f"again: rm -r {stage}"
        )
    return max(counts)


def as_markdown(millions: Sequence[tuple[str, float]]) -> str:
    """A table of arms and their millions of tokens."""
    rows = (f"| {arm} | {count:.2f} |" for arm, count in millions)
    return "\n".join(["| arm | tokens, millions |", "|---|---|", *rows])
