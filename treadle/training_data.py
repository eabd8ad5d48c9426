"""Rows for each kind of training, from a prepared folder.

- SRL: step instances as they were prepared, or whole solutions as one step (the paper's one-step ablation).
- RLVR: problems with their final answers; on request mixed with step instances.
- SFT: conversations, whole solutions or single steps, with or without the expert's thoughts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datasets import Dataset, Features, List, Value, concatenate_datasets

from treadle.config import AnyStage, RLVRStage, SFTStage, SRLStage
from treadle.errors import DataError
from treadle.instances import step_instances
from treadle.prepared import Prepared
from treadle.prompts import solve_prompt
from treadle.trajectory import Step, Trajectory

_MESSAGES = List({"role": Value("string"), "content": Value("string")})


def training_rows(stage: AnyStage, prepared: Prepared) -> Dataset:
    """The data set that TRL's trainer of this stage reads.

    Raises:
        DataError: The prepared folder has no row for this stage.
    """
    if isinstance(stage, SFTStage):
        rows = Dataset.from_list(list(_sft_rows(stage, prepared)), features=_SFT_FEATURES)
    elif isinstance(stage, RLVRStage):
        rows = _rlvr_rows(stage, prepared)
    elif stage.unit == "solution":
        rows = Dataset.from_list(list(_solution_rows(prepared)), features=_RL_FEATURES)
    else:
        rows = _step_rows(prepared)
    if not len(rows):
        raise DataError(f"{prepared.folder}: no row to train stage {stage.name!r} on")
    return rows


_SFT_FEATURES = Features({"prompt": _MESSAGES, "completion": _MESSAGES})
_RL_FEATURES = Features(
    {
        "trajectory_id": Value("string"),
        "step": Value("int32"),
        "prompt": _MESSAGES,
        "expert_action": Value("string"),
        "answer": Value("string"),
    }
)


def _step_rows(prepared: Prepared) -> Dataset:
    rows = Dataset.from_parquet(str(prepared.instance_file("train")))
    return rows.select_columns(list(_RL_FEATURES)).cast(_RL_FEATURES)


def _solution_rows(prepared: Prepared) -> Iterator[dict[str, Any]]:
    for t in prepared.trajectories("train"):
        solution = "\n".join([*(step.action for step in t.steps), *_closing(t)])
        yield {
            "trajectory_id": t.id,
            "step": None,
            "prompt": solve_prompt(t.domain, t.problem),
            "expert_action": solution,
            "answer": t.answer,
        }


def _rlvr_rows(stage: RLVRStage, prepared: Prepared) -> Dataset:
    """Problems with an answer. A row without `expert_action` is graded by its answer, see `treadle.training`."""
    problems = [{**row, "expert_action": None} for row in _solution_rows(prepared) if row["answer"] not in (None, "")]
    if not problems:
        raise DataError(
            f"{prepared.folder}: no trajectory has a final answer, so stage {stage.name!r} has nothing to reward; "
            "prepare the data with an answer column (--columns problem=...,solution=...,answer=...)"
        )
    whole = Dataset.from_list(problems, features=_RL_FEATURES)
    if not stage.step_share:
        return whole
    steps = _step_rows(prepared)
    # As many copies of one of the two as give the wished share of steps in a pass.
    wished = stage.step_share / (1 - stage.step_share)
    found = len(steps) / len(whole)
    return concatenate_datasets([whole] * max(1, round(found / wished)) + [steps] * max(1, round(wished / found)))


def _sft_rows(stage: SFTStage, prepared: Prepared) -> Iterator[dict[str, Any]]:
    for trajectory in prepared.trajectories("train"):
        texts = [_step_text(step, stage) for step in trajectory.steps]
        if stage.unit in ("solutions", "both"):
            yield _conversation(
                solve_prompt(trajectory.domain, trajectory.problem), "\n".join(texts + _closing(trajectory))
            )
        if stage.unit in ("steps", "both"):
            yield from _step_conversations(trajectory, texts)


def _closing(trajectory: Trajectory) -> list[str]:
    """What the expert wrote after the last step. It often is the only place of the boxed answer."""
    epilogue = trajectory.meta.get("epilogue")
    return [epilogue] if epilogue else []


def _step_conversations(trajectory: Trajectory, texts: list[str]) -> Iterator[dict[str, Any]]:
    for instance, text in zip(step_instances(trajectory, targets="all"), texts, strict=True):
        yield _conversation(instance.prompt, text)


def _step_text(step: Step, stage: SFTStage) -> str:
    if stage.target == "actions" or not step.thought:
        return step.action
    return f"<think>{step.thought}</think>{step.action}"


def _conversation(prompt: list[dict[str, str]], completion: str) -> dict[str, Any]:
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": completion}]}


def count_without_answer(stage: AnyStage, prepared: Prepared) -> int:
    """Trajectories that an RLVR stage leaves out because they have no final answer."""
    if not isinstance(stage, RLVRStage):
        return 0
    return sum(t.answer in (None, "") for t in prepared.trajectories("train"))


def count_rows(stage: AnyStage, prepared: Prepared) -> int:
    """Number of rows of `training_rows`, without making them where a file's footer tells."""
    if isinstance(stage, SRLStage) and stage.unit == "step":
        return prepared.count("instances")
    return len(training_rows(stage, prepared))
