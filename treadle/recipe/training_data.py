"""Rows for each kind of training, from a prepared folder.

- SRL: step instances as they were prepared, or whole solutions as one step (the paper's one-step ablation).
- RLVR: problems with their final answers; on request mixed with step instances.
- SFT: conversations, whole solutions or single steps, with or without the expert's thoughts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import Dataset, Features, List, Value, concatenate_datasets
from datasets.exceptions import DatasetGenerationError

from treadle.data.instances import Rendering, step_instance
from treadle.data.prepared import SPLITS, Prepared, Split
from treadle.data.prepared_files import reading
from treadle.data.prompts import solve_prompt
from treadle.data.prompts.asking import Asking
from treadle.data.rows import WHOLE, instance_references, references, rendered, whole_solution
from treadle.data.solutions import step_text, step_texts
from treadle.domains.domain import Graded
from treadle.domains.registry import find
from treadle.errors import DataError
from treadle.files.row_copies import copies_folder, with_room
from treadle.recipe.prefixes import check_prefix, given_of
from treadle.recipe.reward_choices import reads
from treadle.recipe.schema import AnyStage, RLStage, RLVRStage, SFTStage, SRLStage, WarmupStage
from treadle.recipe.shown import NOTHING, Shown, contrasts_of, prompt_floor
from treadle.scoring.thoughts import ThoughtTags
from treadle.scoring.verdicts import can_be_judged, check_verdicts
from treadle.trajectory import Trajectory

_MESSAGES = List({"role": Value("string"), "content": Value("string")})
CONVERSATION = Features({"prompt": _MESSAGES, "completion": _MESSAGES})


def training_rows(stage: AnyStage, prepared: Prepared, shown: Shown = NOTHING, most: int | None = None) -> Dataset:
    """The data set that TRL's trainer of this stage reads. For RL its rows are rendered on access.

    Args:
        shown: What the recipe adds to prompts.
        most: Conversations that are written at most, the first; `None` for all.

    Raises:
        DataError: The prepared folder has no row for this stage, or none that a prefix could be given of.
        RecipeError: The stage's prefix policy cannot be used.
    """
    check_steps(stage, prepared)
    check_prefix(stage, prepared)
    if isinstance(stage, SFTStage):
        rows = conversations(stage, prepared, shown=shown, most=most)
    else:
        whole, contrasts = isinstance(stage, SRLStage), contrasts_of(stage, prepared, shown.seed)
        rows = rendered(
            shown.trained_on(_rl_references(stage, prepared)),
            prepared,
            "train",
            whole,
            shown.asking,
            contrasts,
            given_of(stage, shown.tags),
            reads(stage.rewards, "domain"),
            judged_as_tasks(stage, prepared),
        )
    if not len(rows):
        raise DataError(f"{prepared.folder}: no row to train stage {stage.name!r} on")
    return rows


def check_steps(stage: AnyStage, prepared: Prepared) -> None:
    """Raise `DataError` for a stage that trains on steps where the data has none."""
    if prepared.answers_only and not (isinstance(stage, RLVRStage) and not stage.step_share):
        raise DataError(
            f"{prepared.folder}: prepared with --answers-only, so it has problems and answers without steps, and stage "
            f"{stage.name!r} trains on steps; use `kind: rlvr` with `step_share: 0`, or prepare solutions without "
            "--answers-only"
        )


def conversations(
    stage: SFTStage, prepared: Prepared, split: Split = "train", shown: Shown = NOTHING, most: int | None = None
) -> Dataset:
    """The conversations of SFT, in a file of this process and not in memory.

    Args:
        most: See `training_rows`.
    """
    arguments = {
        "stage": stage,
        "folder": prepared.folder,
        "digest": prepared.digest(split),
        "split": split,
        "asking": shown.asking,
        "left_out": shown.left_out if split == "train" else (),
        "tags": shown.tags,
        "most": most,
    }
    try:
        with with_room():
            return Dataset.from_generator(
                _first_sft_rows, features=CONVERSATION, gen_kwargs=arguments, cache_dir=copies_folder()
            )
    except DatasetGenerationError as error:
        if isinstance(error.__cause__, DataError):
            raise error.__cause__ from None
        raise


def _rl_references(stage: RLStage, prepared: Prepared) -> Dataset:
    if isinstance(stage, RLVRStage):
        return _rlvr_references(stage, prepared)
    return step_references(stage, prepared)


def step_references(stage: RLStage, prepared: Prepared, split: Split = "train") -> Dataset:
    """Rows that are compared with the expert's: step instances, or whole solutions where a stage's unit is these."""
    if isinstance(stage, SRLStage) and stage.unit == "solution":
        return references((number, WHOLE) for number in range(prepared.count("trajectories", split)))
    return instance_references(prepared, split)


def answer_references(prepared: Prepared, split: Split = "train") -> Dataset:
    """Whole problems whose solutions can be judged: with a final answer, or of a domain whose verdict needs none."""
    return references((number, WHOLE) for number, judged in enumerate(_can_be_judged(prepared, split)) if judged)


def judged_as_tasks(stage: RLStage, prepared: Prepared) -> bool:
    """Whether the rows of a stage need the columns of a task: a domain of the data has another verdict than the
    grader's for mathematics, or a reward reads `setup`."""
    if reads(stage.rewards, "setup"):
        return True
    named = {domain for split in SPLITS for domain, _ in _told(prepared, split)}
    return any(find(domain).verdict not in (None, Graded()) for domain in named)


def _rlvr_references(stage: RLVRStage, prepared: Prepared) -> Dataset:
    """Problems that can be judged. A row without `expert_action` is graded by `treadle.recipe.mixed_rewards`."""
    _check_judges(prepared)
    whole = answer_references(prepared)
    if not len(whole):
        raise DataError(
            f"{prepared.folder}: no trajectory has a final answer, so stage {stage.name!r} has nothing to reward; "
            "prepare the data with an answer column (--columns problem=...,solution=...,answer=...)"
        )
    if not stage.step_share:
        return whole
    steps = instance_references(prepared)
    # As many copies of one of the two as give the wished share of steps in a pass.
    wished = stage.step_share / (1 - stage.step_share)
    found = len(steps) / len(whole)
    return concatenate_datasets([whole] * max(1, round(found / wished)) + [steps] * max(1, round(wished / found)))


def _check_judges(prepared: Prepared) -> None:
    """Raise `DomainError` for answers of a domain that nobody can judge, and for its own code where that is none."""
    check_verdicts(
        domain
        for domain, answered in dict.fromkeys((domain, bool(answer)) for domain, answer in _told(prepared))
        if answered or can_be_judged(domain, answered)
    )


def _can_be_judged(prepared: Prepared, split: Split = "train") -> list[bool]:
    return [can_be_judged(domain, bool(answer)) for domain, answer in _told(prepared, split)]


def _told(prepared: Prepared, split: Split = "train") -> Iterator[tuple[str, str | None]]:
    file = prepared.trajectory_file(split)
    with reading(file):
        found = pq.read_table(file, columns=["domain", "answer"])
        yield from zip(found["domain"].to_pylist(), found["answer"].to_pylist(), strict=True)


def _first_sft_rows(most: int | None, **arguments: Any) -> Iterator[dict[str, Any]]:
    return islice(_sft_rows(**arguments), most)


def _sft_rows(
    stage: SFTStage,
    folder: Path,
    digest: str,
    split: Split,
    asking: Asking,
    left_out: tuple[int, ...],
    tags: ThoughtTags,
) -> Iterator[dict[str, Any]]:
    prepared = Prepared(folder)
    rendering = prepared.rendering
    for number, trajectory in enumerate(prepared.trajectories(split)):
        if number in left_out:
            continue
        if stage.unit in ("solutions", "both"):
            prompt = solve_prompt(trajectory.domain, trajectory.problem, asking)
            yield _conversation(prompt, whole_solution(trajectory, step_texts(trajectory, stage.target, tags)))
        if stage.unit in ("steps", "both"):
            texts = [step_text(step, stage.target, tags, first=True) for step in trajectory.steps]
            yield from _step_conversations(trajectory, texts, rendering, asking)


def _step_conversations(
    trajectory: Trajectory, texts: list[str], rendering: Rendering, asking: Asking
) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(texts, 1):
        yield _conversation(step_instance(trajectory, number, rendering, asking).prompt, text)


def _conversation(prompt: list[dict[str, str]], completion: str) -> dict[str, Any]:
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": completion}]}


def count_without_answer(stage: AnyStage, prepared: Prepared) -> int:
    """Trajectories that an RLVR stage leaves out because they have no final answer, and their domain needs one."""
    return _can_be_judged(prepared).count(False) if isinstance(stage, RLVRStage) else 0


def similarity_floor(stage: AnyStage, prepared: Prepared, shown: Shown = NOTHING) -> float | None:
    """What similarity a policy that has learned nothing, or repeats a worked example, earns at most in this stage.

    `None` for a stage whose rewards do not log the paper's similarity, or of another similarity than floors are
    measured by, and for data without. An RLVR stage has one if it trains on steps, too.
    """
    if isinstance(stage, RLVRStage) and stage.step_share:
        return prompt_floor(prepared, shown)
    if not isinstance(stage, SRLStage) or stage.unit != "step":
        return None
    if not any(choice.reward.logs_similarity for choice in stage.rewards):
        return None
    return prompt_floor(prepared, shown) if not stage.autojunk and stage.argument_order == "model_first" else None


def count_rows(stage: AnyStage, prepared: Prepared, shown: Shown = NOTHING) -> int:
    """Number of rows of `training_rows`, without making them where a file's footer tells; of a warm-up its prompts."""
    if isinstance(stage, WarmupStage):
        return min(stage.sampled_prompts, prepared.count("instances"))
    if isinstance(stage, SRLStage) and not shown.left_out:
        return prepared.count("instances" if stage.unit == "step" else "trajectories")
    return len(training_rows(stage, prepared, shown))
