"""What is checked: a model with its tokenizer, the stages of a recipe, and prepared data, each opened once.

Weights are not read: the network stands on PyTorch's meta device. Opening raises what it finds wrong as a
`TreadleError`; the checks that open something first say so, and those after them are then not reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from datasets import Dataset
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from treadle.chat.chat import Chat
from treadle.data.prepared import Prepared
from treadle.errors import TreadleError
from treadle.recipe.model_files import Tensors, tensors_of
from treadle.recipe.models import load_chat, load_tokenizer, local_folder, read_config, read_generation_config, skeleton
from treadle.recipe.schema import AnyStage, Recipe, SFTStage
from treadle.recipe.shown import Shown, shown_of
from treadle.recipe.speaking import picked_rows, recipe_chat
from treadle.recipe.training_data import training_rows

STAGES = ({"kind": "sft"}, {"kind": "srl"}, {"kind": "rlvr"})
"""Stages that are looked at where no recipe is given, with the paper's settings."""


class Effort(NamedTuple):
    """How many rows of a stage are measured at most, and for how many seconds."""

    rows: int
    seconds: float


QUICK, THOROUGH = Effort(512, 1.0), Effort(20_000, 20.0)


class Subject:
    """A recipe, or a model alone.

    Args:
        model: Folder or hub id.
        recipe: Its stages and data are looked at; `None` for a model alone, as evaluation has it.
        data: Whether to look at the recipe's data.
        effort: What the lengths of rows may cost.
        chat: Of a model alone: how it is spoken to, as for `treadle.recipe.models.load_chat`.
        not_asked: Stages that are not looked at, and why not, for people.
    """

    def __init__(
        self,
        model: str,
        recipe: Recipe | None = None,
        data: bool = True,
        effort: Effort = QUICK,
        chat: Mapping[str, Any] | None = None,
        not_asked: Sequence[str] = (),
    ) -> None:
        self.model, self.recipe, self.effort, self._chat = model, recipe, effort, dict(chat or {})
        self.has_data, self.not_asked = recipe is not None and data, not_asked
        self._picked: dict[str, list[dict[str, Any]]] = {}

    @property
    def stages(self) -> list[AnyStage]:
        """The recipe's; none for a model alone."""
        return list(self.recipe.stages) if self.recipe else []

    @property
    def trusted(self) -> bool:
        """Whether Python code that comes with the model is executed."""
        return self.recipe.trust_remote_code if self.recipe else bool(self._chat.get("trust_remote_code"))

    @property
    def tokenizer_name(self) -> str:
        """Whose tokenizer is used."""
        return (self.recipe.tokenizer if self.recipe else None) or self.model

    @cached_property
    def tensors(self) -> Tensors | None:
        """Names and shapes in the files of weights; `None` where the model is on the hub."""
        folder = local_folder(self.model)
        return tensors_of(folder) if folder else None

    @cached_property
    def config(self) -> PreTrainedConfig:
        return read_config(self.model, self.trusted)

    @cached_property
    def network(self) -> PreTrainedModel:
        """The model without weights, with the generation config that lies beside it."""
        network = skeleton(self.config, trust_remote_code=self.trusted)
        network.generation_config = read_generation_config(self.model) or network.generation_config
        return network

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return load_tokenizer(self.tokenizer_name, self.trusted)

    @cached_property
    def chat(self) -> Chat:
        """How the model is spoken to."""
        return recipe_chat(self.recipe) if self.recipe else load_chat(self.model, **self._chat)

    @cached_property
    def prepared(self) -> Prepared:
        assert self.recipe is not None
        return Prepared(self.recipe.data)

    @cached_property
    def shown(self) -> Shown:
        """What the recipe adds to the data's prompts."""
        assert self.recipe is not None
        return shown_of(self.recipe, self.prepared).with_tags(self.chat.thought_tags)

    def rows(self, stage: AnyStage) -> Dataset:
        """The rows of a stage, as its trainer is given them."""
        return training_rows(stage, self.prepared, self.shown)

    def picked_rows(self, stage: AnyStage) -> list[dict[str, Any]]:
        """Some of them, see `treadle.recipe.speaking.picked_rows`; found once, as several checks look at them."""
        if stage.name not in self._picked:
            self._picked[stage.name] = list(picked_rows(stage, self.prepared, self.shown))
        return self._picked[stage.name]


def standard_recipe(model: str, data: Path | None) -> dict[str, object]:
    """A recipe of all kinds of stages, where none is given."""
    return {"model": model, "data": str(data or "."), "output": "runs/check", "stages": [dict(s) for s in STAGES]}


def of_its_data(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """A recipe that nobody wrote with those of its stages that its data has rows for, and why the others have none.

    Fine-tuning is on single steps where there are no whole solutions. Without rows for any stage all of them stay.
    """
    stages, without = [], []
    for stage in recipe.stages:
        forms = [stage, stage.model_copy(update={"unit": "steps"})] if isinstance(stage, SFTStage) else [stage]
        problems = [_without_rows(form, recipe.data) for form in forms]
        if None in problems:
            stages.append(forms[problems.index(None)])
        else:
            without.append(f"{stage.name} is not looked at: {problems[0]}")
    return (recipe.model_copy(update={"stages": stages}), without) if stages else (recipe, [])


def _without_rows(stage: AnyStage, data: Path) -> TreadleError | None:
    try:
        training_rows(stage, Prepared(data), most=1)[0]
    except TreadleError as problem:
        return problem
    return None
