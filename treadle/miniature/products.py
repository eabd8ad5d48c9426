"""What the jobs of the quick start leave for each other and for later calls, checked when it is read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from treadle.errors import OutputError
from treadle.files.typed import STRICT, Count, Number, checked, read_object
from treadle.miniature.arms import Arm
from treadle.training.metric_lines import read_metrics

EXAMPLES = 10
"""Single next steps of an arm that the report shows."""


class _Solved(TypedDict):
    right: list[Literal[0, 1]]
    thought_tokens: Number


class _Example(TypedDict):
    id: str
    prompt: str
    expert_action: str
    text: str


class _Steps(TypedDict):
    exact: Number
    similarity: Number
    examples: Annotated[list[_Example], Field(min_length=EXAMPLES, max_length=EXAMPLES)]


class _Score(TypedDict):
    """score.json; the arm's model and the seconds that it was trained."""

    __pydantic_config__ = STRICT  # for what is in it, too
    whole: _Solved
    loop: _Solved
    steps: _Steps
    model: str
    seconds: Number


class _Hard(TypedDict):
    """hard-0.json and hard-1.json: numbers of the candidates that the base does not solve."""

    __pydantic_config__ = STRICT
    hard: list[Count]


class _Choice(TypedDict):
    """Which arm was chosen, and how many validation problems each of them solves."""

    __pydantic_config__ = STRICT
    chosen: str
    solved: dict[str, Count]
    problems: Count


def read_score(file: Path, held_out: int) -> dict[str, Any]:
    """An arm's scores.

    Args:
        held_out: Problems that it was scored on.

    Raises:
        OutputError: The file is not as it was written.
    """
    remedy = _again(file)
    score = checked(_Score, content := read_object(file, remedy), str(file), remedy)
    for mode in ("whole", "loop"):
        if (found := len(score[mode]["right"])) != held_out:
            raise OutputError(f"{file}: {mode}.right: found {found} problems, expected {held_out}; {remedy}")
    return content


def read_scores(out: Path, arms: Sequence[Arm], seeds: int, held_out: int) -> dict[str, list[dict[str, Any]]]:
    """The scores of each arm, one a seed; arguments and errors as for `read_score`."""
    folders = [out / f"seed-{seed}" for seed in range(seeds)]
    return {arm.name: [read_score(folder / arm.name / "score.json", held_out) for folder in folders] for arm in arms}


def read_hard(file: Path, screened: int) -> list[int]:
    """The hard candidates of a part.

    Args:
        screened: Candidates that there are.

    Raises:
        OutputError: The file is not as it was written.
    """
    remedy = _again(file)
    hard = checked(_Hard, read_object(file, remedy), str(file), remedy)["hard"]
    if hard and max(hard) >= screened:
        raise OutputError(f"{file}: hard: found {max(hard)}, expected 0 to {screened - 1}; {remedy}")
    return hard


def read_choice(file: Path, arms: Sequence[str]) -> dict[str, Any]:
    """Which of several arms another one goes on from.

    Args:
        arms: Their names.

    Raises:
        OutputError: The file is not as it was written.
    """
    remedy = _again(file)
    choice = checked(_Choice, read_object(file, remedy), str(file), remedy)
    if choice["chosen"] not in arms:
        raise OutputError(f"{file}: chosen: found {choice['chosen']!r}, expected one of {', '.join(arms)}; {remedy}")
    return dict(choice)


def trained_seconds(metrics: Path) -> float:
    """How long a finished stage trained.

    Raises:
        OutputError: Its metrics do not say.
    """
    logs = read_metrics(metrics)
    if not logs:
        stage = metrics.parent
        raise OutputError(
            f"{metrics}: found no lines, expected one a step; remove the folder to run the stage again: rm -r {stage}"
        )
    return logs[-1]["seconds"]


def _again(file: Path) -> str:
    return f"remove it (rm {file}), and the same command makes it again"
