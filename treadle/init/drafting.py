"""From a model and data to a recipe: looked at, chosen, made to fit, checked as training does, and written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from treadle.check import Subject, check_recipe, look, stop_or_warn
from treadle.check.advice import Advice
from treadle.check.run import ALL
from treadle.data.prepared import Prepared
from treadle.domains.domain import Domain
from treadle.domains.registry import by_folder, get, use
from treadle.errors import DataError
from treadle.init.fitting import fitting, machine
from treadle.init.found import look_at
from treadle.init.sizes import Setting, settings_of
from treadle.init.stages import PURPOSES, plan
from treadle.init.text import recipe_text
from treadle.recipe import stages as running
from treadle.recipe.parts import Lora
from treadle.recipe.reading import parse_recipe
from treadle.recipe.schema import Recipe, SRLStage

STAGES = ({"kind": "srl"}, {"kind": "rlvr"})
"""Kinds of stages whose rows are looked at."""


class Draft(NamedTuple):
    """A recipe, its file's text, and whether it fits (`None` where that is not known)."""

    recipe: Recipe
    text: str
    fits: bool | None
    memory: str


def subject_of(model: str, data: Path, trust_remote_code: bool, domain: str | None = None) -> Subject:
    """What is looked at; model and data are opened, and the model takes the data's rows.

    Args:
        domain: Its name or folder; by default that of the data, where it is known by its folder.

    Raises:
        ModelError: It cannot be, as `treadle check` says.
        RecipeError: A name is one that no recipe can have.
    """
    content = {"model": model, "data": str(data), "output": "runs", "stages": [dict(one) for one in STAGES]}
    if domain is not None or (domain := _folder_of(data)) is not None:
        content["domain"] = domain
    recipe = parse_recipe({**content, "trust_remote_code": trust_remote_code}, "treadle init")
    subject = Subject(recipe.model, recipe)
    stop_or_warn(look(subject, ALL[:2]), main=False)  # the rest by the recipe that comes of it
    _ = subject.chat, subject.prepared
    return subject


def _folder_of(data: Path) -> str | None:
    """The folder of a domain that the data is of, where it is known by its folder alone."""
    try:
        names = list(Prepared(data).domains)
    except DataError:  # which is looked at, and said, later
        return None
    return next((str(one.folder) for one in map(get, names) if one is not None and by_folder(one)), None)


def draft(
    subject: Subject,
    output: Path,
    command: Sequence[str],
    path: Path,
    advice: Advice | None = None,
    asked: Sequence[str] = (),
    paper: bool = False,
    gpu_memory: float | None = None,
) -> Draft:
    """A first recipe for a subject.

    Args:
        output: Folder of its runs.
        command: That asked for it, for its first lines.
        path: Where it will lie.
        advice, asked: See `treadle.init.stages.plan`.
        paper: Whether to take the paper's sizes.
        gpu_memory: GiB of the GPU that is to train, where that is not this machine's.

    Raises:
        TreadleError: What training would refuse, too.
    """
    found = look_at(subject)
    chosen = plan(found, advice, asked)
    given = subject.recipe
    top = [
        Setting("model", given.model),
        Setting("data", str(given.data)),
        Setting("output", str(output), "a folder for each stage in it"),
    ]
    domain = use(given.domain) if given.domain is not None else None
    if domain is not None:
        top.insert(2, Setting("domain", given.domain, domain.about))
    if given.trust_remote_code:
        top.append(Setting("trust_remote_code", True, "Python code that comes with the model is executed"))
    if not found.can_think:
        top.append(Setting("prompts", {"think": False}, "the chat template leaves no place for thoughts"))

    def sizes(kind: str, lora: Lora | None, micro_batch: int) -> list[Setting]:
        return settings_of(kind, found, lora, paper, micro_batch)

    def stages_with(lora: Lora | None, micro_batch: int) -> list[tuple[str, list[Setting]]]:
        return [
            (PURPOSES[kind], _stage(kind, own, [*_reward(kind, own, domain), *sizes(kind, lora, micro_batch)]))
            for kind, own in chosen.stages
        ]

    def recipe_with(lora: Lora | None, micro_batch: int) -> Recipe:
        content = _content([*top, *_adapter(lora)])
        content["stages"] = [_content(settings) for _, settings in stages_with(lora, micro_batch)]
        return parse_recipe(content, "treadle init")

    hardware, where = machine(gpu_memory)
    fit = fitting(recipe_with, hardware, where)
    recipe = recipe_with(fit.lora, fit.micro_batch)
    stop_or_warn(check_recipe(recipe))
    running.check(recipe)
    lines = [*top, *_adapter(fit.lora)], stages_with(fit.lora, fit.micro_batch)
    text = recipe_text(recipe, found, *lines, chosen.why, fit.said, command, str(path), hardware.flags)
    return Draft(recipe, text, fit.fits, fit.said)


def _stage(kind: str, own: dict[str, Any], sizes: list[Setting]) -> list[Setting]:
    return [Setting("kind", kind), *(Setting(key, value, "by the sample") for key, value in own.items()), *sizes]


def _reward(kind: str, own: Mapping[str, Any], domain: Domain | None) -> list[Setting]:
    """By what the steps of a domain are compared, where that is another reward than a recipe's default and the sample
    speaks for none."""
    if domain is None or kind != "srl" or "reward" in own or domain.reward == SRLStage.model_fields["reward"].default:
        return []
    return [Setting("reward", domain.reward, f"the domain {domain.name} compares its actions by it")]


def _adapter(lora: Lora | None) -> list[Setting]:
    why = "an adapter, as all weights with their optimizer do not fit"
    return [] if lora is None else [Setting("lora", {"r": lora.r}, why)]


def _content(settings: Sequence[Setting]) -> dict[str, Any]:
    return {setting.key: setting.value for setting in settings}
