"""Run the stages of a recipe one after the other, each from the model of the one before.

    output/recipe.yaml           the recipe with all defaults
    output/1-srl/stage.json      what this stage was run with
    output/1-srl/checkpoint-*    while it runs
    output/1-srl/metrics.jsonl, rollouts.jsonl
    output/1-srl/best.json       where the stage was validated: step and value of the model that was kept, floor of it
    output/1-srl/nothing_learned.json   where the stage learned nothing, with the cause (`treadle.recipe.learned`)
    output/1-srl/model.json      which files that result has, see `treadle.recipe.folders.check_finished`
    output/1-srl/model/          its result, with its card; its presence marks the stage as finished

A finished stage is not run again; one that was interrupted, or killed at any moment, continues from its last whole
checkpoint (`treadle.training.resume.resumable`). A folder that was made by another recipe is refused.
"""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers.trainer_callback import PrinterCallback

from treadle.data.prepared import Prepared
from treadle.errors import Interrupted, OutputError
from treadle.recipe.build import build_trainer
from treadle.recipe.card.stage import stage_card
from treadle.recipe.checking import check
from treadle.recipe.folders import (
    alone_among_all,
    by_one,
    check_claim,
    check_finished,
    claim,
    stage_folders,
    starting_point,
    tidy,
)
from treadle.recipe.learned import check_learned, refuse_untrained, weights
from treadle.recipe.machine import check_vllm
from treadle.recipe.publishing import save
from treadle.recipe.sampling_floor import with_sampling_floor
from treadle.recipe.schema import AnyStage, Recipe, WarmupStage
from treadle.recipe.shown import shown_of
from treadle.recipe.speaking import dated, recipe_chat
from treadle.recipe.together import together
from treadle.recipe.training_data import similarity_floor, training_rows
from treadle.recipe.validation_rows import validation_floor, validation_rows
from treadle.recipe.warmup import Warmup
from treadle.training.duration import Duration
from treadle.training.progress import MetricsFile, ProgressBar
from treadle.training.resume.checkpoints import checkpoints_in, problem_of
from treadle.training.resume.stopping import Stop, StopRequest
from treadle.training.tracking import tracked_names


def run(recipe: Recipe, overwrite: bool = False, quiet: bool = False, resume_hint: str = "the same command") -> Path:
    """Run all stages that are not finished.

    Args:
        overwrite: Remove stages of another recipe in the output folder instead of refusing.
        quiet: No progress bar.
        resume_hint: How to continue after an interruption, for the message.

    Returns:
        Folder of the last stage's model.

    Raises:
        TreadleError: See `check`; `TrainingFault` for a stage that learned nothing; `OutputError` for a folder of
            another recipe or a full disk; `LostProcess` where one of several processes no longer answers;
            `Interrupted` after Ctrl-C, SIGTERM, and before `max_hours` are over.
    """
    deadline = time.monotonic() + 3600 * recipe.max_hours if recipe.max_hours else None
    with together(recipe):
        check(recipe)
        check_vllm(recipe, PartialState().device.type)  # not in a dry run, which may be on another machine
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        with alone_among_all(recipe.output):
            return _run_stages(recipe, overwrite, quiet, resume_hint, deadline)


def check_output(recipe: Recipe, overwrite: bool = False) -> None:
    """Raise what a run would find wrong with what its output folder holds already, and change nothing.

    Raises:
        OutputError: It is another recipe's, or a finished stage is not whole any more.
        TrainingFault: A finished stage learned nothing.
    """
    folders = stage_folders(recipe)
    recipe, chat = dated(recipe)
    check_claim(recipe, overwrite, chat.describe())
    if overwrite:
        return
    for stage, folder in zip(recipe.stages, folders, strict=True):
        if (folder / "model").is_dir():
            check_finished(folder)
            refuse_untrained(stage, folder)


def _run_stages(recipe: Recipe, overwrite: bool, quiet: bool, resume_hint: str, deadline: float | None) -> Path:
    folders = stage_folders(recipe)
    recipe, chat = dated(recipe)
    by_one(partial(claim, recipe, overwrite, chat.describe()))
    prepared = Prepared(recipe.data)
    model = recipe.model
    for stage, folder in zip(recipe.stages, folders, strict=True):
        if (folder / "model").is_dir():
            by_one(partial(check_finished, folder))
            by_one(partial(tidy, folder))
            by_one(partial(refuse_untrained, stage, folder))
        else:
            try:
                stop = _run_stage(stage, recipe, prepared, model, folder, quiet, resume_hint, deadline)
            except KeyboardInterrupt:  # the second, or one before or after training
                raise Interrupted(_stopped_at_once(stage, folder, resume_hint)) from None
            by_one(partial(refuse_untrained, stage, folder))
            if stop is not None and folder != folders[-1]:
                raise Interrupted(f"stopped by {stop}; stage {stage.name!r} is finished. Continue with {resume_hint}")
        model = str(folder / "model")
    return Path(model)


def _run_stage(
    stage: AnyStage,
    recipe: Recipe,
    prepared: Prepared,
    model: str,
    folder: Path,
    quiet: bool,
    resume_hint: str,
    deadline: float | None,
) -> Stop | None:
    """Run a stage to its end and save its model; returns why the run should stop now, if it should."""
    chat = recipe_chat(recipe, model)
    shown = shown_of(recipe, prepared).with_tags(chat.thought_tags)
    stage = with_sampling_floor(stage, prepared, shown)
    warmup = Warmup(stage, recipe, prepared, shown, chat, folder) if isinstance(stage, WarmupStage) else None
    rows = warmup.rows(model) if warmup else training_rows(stage, prepared, shown)
    held_out = validation_rows(stage, prepared, recipe.seed, shown)
    floors = (similarity_floor(stage, prepared, shown), validation_floor(stage, prepared, shown))
    checkpoint = by_one(partial(starting_point, folder))
    metrics = MetricsFile(folder / "metrics.jsonl", *floors)
    bar = ProgressBar(stage.name, quiet, *floors)
    with StopRequest(deadline) as request, tracked_names(metrics.floor_of), closing(bar):
        callbacks = [metrics, bar, request, *([warmup.goal()] if warmup else [])]
        if stage.minutes:
            callbacks.append(Duration(60 * stage.minutes, metrics.elapsed))
        trainer = build_trainer(stage, recipe, model, rows, folder, callbacks, held_out)
        trainer.remove_callback(PrinterCallback)
        begun = weights(trainer)
        if warmup is None or warmup.reached_at != 0:
            trainer.train(resume_from_checkpoint=checkpoint)
    # None of several processes may leave, or go on to the next stage, while another still writes.
    trainer.accelerator.wait_for_everyone()
    stop = _agreed(request)
    ended = warmup is not None and warmup.reached_at is not None
    if stop is not None and not ended and trainer.state.global_step < trainer.state.max_steps:
        raise Interrupted(
            f"stage {stage.name!r} stopped after step {trainer.state.global_step} of {trainer.state.max_steps} by "
            f"{stop}; the checkpoint is in {folder}. Continue with {resume_hint}"
        )
    best = _take_best(trainer, floors[1])
    if not ended:  # a warm-up whose goal was reached need not have trained
        unchanged = begun is not None and weights(trainer) == begun
        by_one(partial(check_learned, folder, unchanged))
    number = [each.name for each in recipe.stages].index(stage.name)
    card = partial(stage_card, recipe, number, prepared, folder, best)
    save(trainer, model, chat, shown.asking, folder / "model", best, card)
    return stop


def _stopped_at_once(stage: AnyStage, folder: Path, resume_hint: str) -> str:
    """What is said where a stage was stopped before it could save a checkpoint."""
    saved = next(iter(checkpoints_in(folder)), None)
    kept = f"steps after {saved} are done again" if saved else f"it has no checkpoint in {folder} and begins anew"
    return f"stage {stage.name!r} stopped at once; {kept}. Continue with {resume_hint}"


def _agreed(request: StopRequest) -> Stop | None:
    """The reason to stop that counts for all processes, here where a stage ends."""
    own = request.reason or (None if request.another_step_fits() else Stop.TIME)
    return max(filter(None, gather_object([own]) if PartialState().num_processes > 1 else [own]), default=None)


def _take_best(trainer: Any, floor: float | None) -> dict[str, Any] | None:
    """Load the weights of the best checkpoint where the stage was validated; returns which it is, with the floor of its
    value where that is a similarity."""
    state, metric = trainer.state, trainer.args.metric_for_best_model
    if metric is None or state.best_model_checkpoint is None:
        return None
    by_one(partial(_check_best, Path(state.best_model_checkpoint)))
    if state.best_global_step != state.global_step:
        trainer._load_best_model()
    best = {"step": state.best_global_step, "metric": metric, "value": state.best_metric}
    return best if floor is None else {**best, "similarity_floor": round(floor, 4)}


def _check_best(checkpoint: Path) -> None:
    problem = problem_of(checkpoint)
    if problem is not None:
        raise OutputError(
            f"{checkpoint}, the best by validation, is damaged: {problem}. To take the last weights instead, remove "
            f"it (rm -r {checkpoint}) and run the same command again"
        )
