"""`treadle export`: a recipe's stages as a folder that another engine trains from.

run.sh, ray_job.sh, slurm.sh       all stages, on one node, on a Ray cluster, under Slurm
README.md                          what is in it, how to run it, what is not carried over
1-srl/train.sh                     one stage: the engine's trainer with all settings
1-srl/train.parquet, validation.parquet
recipe.yaml, treadle_chat.json     the settings with all defaults; how treadle speaks to the model
export.json                        counts, and by which versions
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import treadle
from treadle.chat.chat import Chat
from treadle.chat.settings import read_file
from treadle.data.prepared import Prepared
from treadle.export.engine import Engine, steps_of
from treadle.export.expressible import check_expressible, not_carried
from treadle.export.launch import lines, script
from treadle.export.rows import Written, write_rows
from treadle.files.output import appearing, check_out, owned
from treadle.files.whole import write_whole
from treadle.recipe.model_names import resolve
from treadle.recipe.reading import resolved
from treadle.recipe.rewards import check_rewards
from treadle.recipe.sampling_floor import with_sampling_floor
from treadle.recipe.schema import Recipe, RLStage
from treadle.recipe.shown import Shown, shown_of
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.speaking import recipe_chat
from treadle.recipe.training_data import count_without_answer, training_rows
from treadle.recipe.validation_rows import validation_rows

MARKER = "export.json"


@dataclass(frozen=True)
class Exported:
    """A stage that was written.

    Args:
        folder: Its name.
        rows, validation: Rows of its files; 0 without validation.
        left_out: Trajectories that give no row, with the reason, for people; empty for none.
        longest: Tokens of the longest prompt.
        steps: Steps of the engine.
        not_carried: Settings that are left out, each with what holds there.
    """

    folder: str
    rows: int
    validation: int
    left_out: str
    longest: int
    steps: int
    not_carried: dict[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        """One line for people."""
        text = f"{self.folder}: {self.rows:,} rows, {self.validation:,} for validation"
        text += f", prompts of up to {self.longest:,} tokens, {self.steps:,} steps"
        return f"{text}; left out: {self.left_out}" if self.left_out else text


def export(
    recipe: Recipe,
    engine: Engine,
    out: Path,
    where: str,
    nodes: int = 1,
    gpus: int = 8,
    overwrite: bool = False,
) -> list[Exported]:
    """Write the folder.

    Args:
        where: The recipe's file, for the README.
        nodes, gpus: Machines and the GPUs of each that the scripts assume, unless they are told otherwise.

    Raises:
        RecipeError: The engine cannot do what a stage says (`treadle.export.expressible`), or batches do not divide.
        DataError: There is no row for a stage.
        OutputError: The folder is taken or cannot be written.
    """
    with owned(out):
        check_out(out, overwrite, MARKER, recipe.data)
        prepared = Prepared(recipe.data)
        check_expressible(recipe, prepared, engine)
        chat = recipe_chat(recipe)
        shown = shown_of(recipe, prepared).with_tags(chat.thought_tags)
        with appearing(out, overwrite) as folder:
            done = [
                _stage(stage, number, recipe, engine, prepared, chat, shown, folder, nodes, gpus)
                for number, stage in enumerate(recipe.stages, 1)
            ]
            _rest(recipe, engine, chat, shown, done, folder, where, nodes, gpus)
    return done


def _stage(
    stage: RLStage,
    number: int,
    recipe: Recipe,
    engine: Engine,
    prepared: Prepared,
    chat: Chat,
    shown: Shown,
    folder: Path,
    nodes: int,
    gpus: int,
) -> Exported:
    stage = with_sampling_floor(stage, prepared, shown)
    check_rewards(stage, prepared, recipe.seed)
    rows, held_out = training_rows(stage, prepared, shown), validation_rows(stage, prepared, recipe.seed, shown)
    sizes = derive_sizes(stage, len(rows), nodes * gpus)
    place = folder / f"{number}-{stage.name}"
    written = write_rows(rows, stage, prepared, "train", chat, place / "train.parquet", engine.columns)
    validation = Written(0, 0)
    if held_out is not None:
        validation = write_rows(
            held_out, stage, prepared, "heldout", chat, place / "validation.parquet", engine.columns
        )
    longest = max(written.longest, validation.longest)
    settings = engine.overrides(stage, recipe, sizes, chat, longest, place.name)
    steps = steps_of(stage, sizes)
    text = script(
        "train.sh",
        engine,
        number=number,
        stages=len(recipe.stages),
        name=stage.name,
        model=shlex.quote(_absolute(recipe.model)),
        tokenizer=recipe.tokenizer and shlex.quote(_absolute(recipe.tokenizer)),
        validation="validation" if validation.rows else None,
        nodes=nodes,
        gpus=gpus,
        tensor_parallel=stage.trl.get("vllm_tensor_parallel_size", 1),
        lines=lines(settings, engine),
    )
    write_whole(place / "train.sh", text)
    reasons = {
        "are worked examples": len(shown.left_out),
        "have no final answer": count_without_answer(stage, prepared),
    }
    left_out = ", ".join(f"{count:,} trajectories {reason}" for reason, count in reasons.items() if count)
    told = not_carried(stage, recipe, engine)
    return Exported(place.name, written.rows, validation.rows, left_out, longest, steps, told)


def _absolute(model: str) -> str:
    """A local model's folder as it is found from anywhere; a hub id as it is."""
    return os.path.abspath(model) if Path(model).is_dir() else model


def _rest(
    recipe: Recipe,
    engine: Engine,
    chat: Chat,
    shown: Shown,
    done: list[Exported],
    folder: Path,
    where: str,
    nodes: int,
    gpus: int,
) -> None:
    folders = [stage.folder for stage in done]
    for name in ("run.sh", "ray_job.sh", "slurm.sh"):
        write_whole(folder / name, script(name, engine, folders=folders, nodes=nodes, gpus=gpus))
    told: dict[str, Any] = {"data": recipe.data, "recipe": where, "treadle": treadle.__version__}
    names = [stage.name for stage in recipe.stages]
    write_whole(folder / "README.md", script("README.md", engine, names=names, stages=done, **told))
    write_whole(folder / "recipe.yaml", resolved(recipe))
    spoken = {**read_file(resolve(recipe.model)), **chat.record(), "prompts": shown.asking.record()}
    write_whole(folder / "treadle_chat.json", json.dumps(spoken, indent=2, ensure_ascii=False) + "\n")
    counts = [{**vars(stage), "not_carried": sorted(stage.not_carried)} for stage in done]
    record = {"treadle": treadle.__version__, engine.package: engine.version, "stages": counts}
    write_whole(folder / MARKER, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
