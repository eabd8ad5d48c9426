"""The card of one stage of a run, from its recipe, its data and what training logged."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from treadle.data.prepared import SPLITS, Prepared
from treadle.files.secrets import hidden
from treadle.recipe.card.base import TAG, Base, base_of, shown_path
from treadle.recipe.card.figures import training_figures, validation_figures
from treadle.recipe.card.marks import section
from treadle.recipe.card.recipe_text import recipe_text
from treadle.recipe.learned import nothing_learned, steps_of
from treadle.recipe.schema import AnyStage, Recipe, RLStage

_PACKAGES = ("treadle", "trl", "transformers", "peft", "datasets", "torch")
_METHODS = {
    "srl": "Supervised Reinforcement Learning (single steps held against an expert's, by GRPO)",
    "rlvr": "reinforcement learning from final answers (RLVR, by GRPO)",
    "sft": "supervised fine-tuning on the expert's solutions",
    "warmup": "a cold start on the model's own well-formed completions",
}
_NO_EVALUATION = "No evaluation is recorded. `treadle evaluate MODEL -o RUN --update-card` adds its results here."
_DATA_SET = re.compile(r"[\w.-]+/[\w.-]+")


def stage_card(
    recipe: Recipe,
    number: int,
    prepared: Prepared,
    folder: Path,
    best: Mapping[str, Any] | None = None,
    adapter: bool = False,
) -> str:
    """The content of `README.md`.

    Args:
        number: Of the stage, from 0.
        folder: Of the stage, with its metrics.jsonl.
        best: Which weights were kept, where the stage was validated.
        adapter: Whether it lies beside the adapter alone.

    Raises:
        OutputError: metrics.jsonl is damaged.
    """
    stage, base = recipe.stages[number], base_of(recipe.model)
    steps = steps_of(folder / "metrics.jsonl")
    name = f"{recipe.output.resolve().name}-{stage.name}"
    lines = [
        f"# {name}",
        "",
        f"{base.name}{_before(base)}, trained with treadle by {_METHODS[stage.kind]}. {_form(adapter)}",
        "",
        "## Evaluation",
        "",
        section(_NO_EVALUATION),
        "",
        "## Stages",
        "",
        *(f"{k}. `{each.name}`: {_METHODS[each.kind]}" for k, each in enumerate(recipe.stages[: number + 1], 1)),
        "",
        f"Each stage begins with the model of the one before; this model is that of `{stage.name}`.",
        "",
        "## Training",
        "",
        *training_figures(steps),
        *validation_figures(best),
        "",
        "## Data",
        "",
        *_data(prepared),
        "",
        "## Recipe",
        "",
        "```yaml",
        recipe_text(recipe, number).rstrip(),
        "```",
        "",
        "## Versions",
        "",
        ", ".join([*(f"{package} {version(package)}" for package in _PACKAGES), f"Python {platform.python_version()}"]),
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in _limits(stage, base, folder, any("similarity" in log for log in steps))),
    ]
    front = _front_matter(stage, base, prepared, adapter).to_yaml()
    return hidden(f"---\n{front}\n---\n\n" + "\n".join(lines) + "\n")


def _front_matter(stage: AnyStage, base: Base, prepared: Prepared, adapter: bool) -> ModelCardData:
    data_set = _hub_data_set(prepared)
    return ModelCardData(
        base_model=base.hub_id,
        base_model_relation=None if base.hub_id is None else "adapter" if adapter else "finetune",
        library_name="peft" if adapter else "transformers",
        pipeline_tag="text-generation",
        tags=[TAG, "trl", stage.kind, *(["grpo"] if isinstance(stage, RLStage) else [])],
        datasets=[data_set] if data_set else None,
        **base.licence,
    )


def _before(base: Base) -> str:
    if not base.trained:
        return ""
    return f" (itself trained with treadle{f' from {base.hub_id}' if base.hub_id else ''})"


def _form(adapter: bool) -> str:
    if adapter:
        return "This is the LoRA adapter alone, for the model that the stage began with; `model/` has it merged."
    return "`treadle_chat.json` says how the model was spoken to; `treadle evaluate` and `treadle train` follow it."


def _data(prepared: Prepared) -> list[str]:
    source = prepared.report.get("source")
    named = "" if not isinstance(source, str) else f" from `{_hub_data_set(prepared) or shown_path(source)}`"
    return [
        f"Prepared by `treadle prepare`{named}. The digest is of what training reads, the split `train`.",
        "",
        "| split | trajectories | steps to predict | digest (SHA-256, first 16) |",
        "|---|---|---|---|",
        *(
            f"| {split} | {prepared.count('trajectories', split):,} | {prepared.count('instances', split):,} | "
            f"`{prepared.digest(split)}` |"
            for split in SPLITS
        ),
    ]


def _hub_data_set(prepared: Prepared) -> str | None:
    """The id of the data set on the hub that the data was read from; `None` for files."""
    source = prepared.report.get("source")
    is_id = isinstance(source, str) and _DATA_SET.fullmatch(source) and not Path(source).suffix
    return source if is_id and not Path(source).exists() else None


def _limits(stage: AnyStage, base: Base, folder: Path, similarity: bool) -> list[str]:
    licence = base.licence.get("license_name") or base.licence.get("license")
    found = []
    if (untrained := nothing_learned(stage, folder)) is not None:
        said = untrained.partition(f". {folder / 'model'}")[0]
        found.append(f"**Not trained**: {said}.")
    if similarity:
        found.append("Similarity is that of texts to one expert's action. It is no measure of being right.")
    found += [
        "It was trained on the prompts of treadle for the data above; others were not tried.",
        "What is said of the model that it was trained from, such as its languages and its biases, holds here too.",
        f"The licence of the model that it was trained from is named as {licence}."
        if licence
        else "The licence of the model that it was trained from is not known to treadle.",
        "The licence of the data is not known to treadle.",
    ]
    return found
