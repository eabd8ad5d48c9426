"""Run the stages of a recipe one after the other, each from the model of the one before.

    output/recipe.yaml           the recipe with all defaults
    output/1-srl/stage.json      what this stage was run with
    output/1-srl/checkpoint-*    while it runs
    output/1-srl/metrics.jsonl, rollouts.jsonl
    output/1-srl/model/          its result; its presence marks the stage as finished

A finished stage is not run again; an interrupted one continues from its last checkpoint. A folder that was
made by another recipe is refused.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from peft import PeftModel
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint

from treadle.arguments import FAULT_LIMITS, trainer_config
from treadle.config import AnyStage, Recipe, resolved
from treadle.errors import Interrupted, OutputError, RecipeError
from treadle.folders import check_place
from treadle.models import check_model, load_tokenizer
from treadle.prepared import Prepared
from treadle.progress import MetricsFile, ProgressBar, StopOnSignal, truncate_after
from treadle.sizes import Sizes, derive_sizes
from treadle.training import build_trainer
from treadle.training_data import count_rows, count_without_answer, training_rows

# Settings of `trl` that change nothing but where a vLLM server is found.
_WHERE_A_SERVER_IS = ("vllm_server_", "vllm_group_port")


def check(recipe: Recipe) -> list[Sizes]:
    """Everything that can be checked before a model is loaded; returns the derived sizes of each stage.

    Raises:
        TreadleError: Data, model folder, tokenizer or batch arithmetic are wrong.
    """
    prepared = Prepared(recipe.data)
    processes = int(os.environ.get("WORLD_SIZE", 1))
    check_place(recipe.output)
    check_model(recipe.model)
    load_tokenizer(recipe.tokenizer or recipe.model)
    sizes = []
    for stage, folder in zip(recipe.stages, _folders(recipe), strict=True):
        size = derive_sizes(stage, count_rows(stage, prepared), processes)
        sizes.append(replace(size, without_answer=count_without_answer(stage, prepared)))
        trainer_config(stage, recipe, folder, size)
    return sizes


def _folders(recipe: Recipe) -> list[Path]:
    return [recipe.output / f"{number}-{stage.name}" for number, stage in enumerate(recipe.stages, 1)]


def run(recipe: Recipe, overwrite: bool = False, quiet: bool = False, resume_hint: str = "the same command") -> Path:
    """Run all stages that are not finished.

    Args:
        overwrite: Remove stages of another recipe in the output folder instead of refusing.
        quiet: No progress bar.
        resume_hint: How to continue after an interruption, for the message.

    Returns:
        Folder of the last stage's model.

    Raises:
        TreadleError: See `check`; `OutputError` for a folder of another recipe; `Interrupted` after Ctrl-C.
    """
    check(recipe)
    for stage in recipe.stages:
        if stage.trl.get("use_vllm") and find_spec("vllm") is None:
            raise RecipeError(
                f"stages.{stage.name}.trl.use_vllm: vLLM is not installed; pip install 'treadle[vllm]', or leave it out"
            )
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    folders = _folders(recipe)
    _claim_once(recipe, folders, overwrite)
    prepared = Prepared(recipe.data)
    model = recipe.model
    for stage, folder in zip(recipe.stages, folders, strict=True):
        if not (folder / "model").is_dir():
            stopped = _run_stage(stage, recipe, prepared, model, folder, quiet, resume_hint)
            if stopped and folder != folders[-1]:
                raise Interrupted(f"stage {stage.name!r} is finished. Continue with {resume_hint}")
        model = str(folder / "model")
    return Path(model)


def identity(recipe: Recipe, number: int, digest: str) -> dict[str, Any]:
    """What decides the result of stage `number` (from 0): the data, its settings and all that comes before it."""
    everything = recipe.model_dump(mode="json")
    shared = {k: everything[k] for k in ("model", "tokenizer", "data", "seed", "dtype", "lora")}
    stages = everything["stages"][: number + 1]
    for stage in stages:
        for name in FAULT_LIMITS:
            stage.pop(name, None)
        stage["trl"] = {key: value for key, value in stage["trl"].items() if not key.startswith(_WHERE_A_SERVER_IS)}
    return {**shared, "content": digest, "stages": stages}


def _claim_once(recipe: Recipe, folders: list[Path], overwrite: bool) -> None:
    """`_claim` by one of several processes; what it raises is raised by all."""
    refusal: list[OutputError | None] = [None]
    if PartialState().is_main_process:
        try:
            _claim(recipe, folders, overwrite)
        except OutputError as error:
            refusal = [error]
    (refused,) = broadcast_object_list(refusal)
    if refused is not None:
        raise refused


def _claim(recipe: Recipe, folders: list[Path], overwrite: bool) -> None:
    """Make sure that what is in the output folder belongs to this recipe."""
    digest = Prepared(recipe.data).digest()
    for number, folder in enumerate(folders):
        others = [f for f in recipe.output.glob(f"{number + 1}-*") if f.name != folder.name and _begun(f)]
        mine = identity(recipe, number, digest)
        mark = folder / "stage.json"
        differing = mark.is_file() and json.loads(mark.read_text()) != mine and _begun(folder)
        if others or differing:
            if not overwrite:
                what = others[0] if others else folder
                raise OutputError(
                    f"{what}: made by another recipe or with other data; choose another `output`, or replace it with "
                    "--overwrite"
                )
            for stale in [*others, *folders[number:]]:
                shutil.rmtree(stale, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps(mine, indent=2) + "\n")
    (recipe.output / "recipe.yaml").write_text(resolved(recipe))


def _begun(folder: Path) -> bool:
    """Whether a stage has left anything worth keeping in its folder."""
    return (folder / "model").is_dir() or (folder / "metrics.jsonl").is_file() or any(folder.glob("checkpoint-*"))


def _run_stage(
    stage: AnyStage, recipe: Recipe, prepared: Prepared, model: str, folder: Path, quiet: bool, resume_hint: str
) -> bool:
    """Run a stage to its end and save its model; returns whether a signal asked to stop meanwhile."""
    rows = training_rows(stage, prepared)
    checkpoint = get_last_checkpoint(str(folder))
    with StopOnSignal() as signals:
        trainer = build_trainer(
            stage,
            recipe,
            model,
            rows,
            folder,
            [MetricsFile(folder / "metrics.jsonl"), ProgressBar(stage.name, quiet), signals],
        )
        trainer.remove_callback(PrinterCallback)
        if checkpoint:
            truncate_after(folder / "rollouts.jsonl", int(checkpoint.rsplit("-", 1)[1]) - 1, key="global_step")
        trainer.train(resume_from_checkpoint=checkpoint)
    # None of several processes may leave, or go on to the next stage, while another still writes.
    trainer.accelerator.wait_for_everyone()
    if signals.stopped and trainer.state.global_step < trainer.state.max_steps:
        raise Interrupted(
            f"stage {stage.name!r} stopped after step {trainer.state.global_step} of {trainer.state.max_steps}; "
            f"the checkpoint is in {folder}. Continue with {resume_hint}"
        )
    _save(trainer, folder / "model")
    return signals.stopped


def _save(trainer: Any, target: Path) -> None:
    """Save the final model so that it appears whole, a LoRA adapter both alone and merged; drop the checkpoints."""
    scratch = target.with_name(".model.partial")
    network = trainer.accelerator.unwrap_model(trainer.model)
    main = trainer.is_world_process_zero()
    if main:
        shutil.rmtree(scratch, ignore_errors=True)
    if isinstance(network, PeftModel):
        if main:
            network.save_pretrained(target.with_name("adapter"))
            network.merge_and_unload().save_pretrained(scratch)
    else:
        trainer.save_model(str(scratch))
    if main:
        trainer.processing_class.save_pretrained(scratch)
        scratch.rename(target)
        for checkpoint in target.parent.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)
    trainer.accelerator.wait_for_everyone()
