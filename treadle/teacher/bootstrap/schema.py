"""The recipe of bootstrapping: an ordinary recipe for what a round trains, and a section `bootstrap` for the rounds.

    model: runs/mine/2-rlvr/model
    output: runs/bootstrap
    stages: [{kind: sft, target: traces, epochs: 2}]
    bootstrap: {problems: problems.jsonl, held_out: test.jsonl}

`data` may be left out; a prepared folder there is trained on beside the student's own solutions, in every round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from treadle.data.instances import Targets
from treadle.domains.registry import use
from treadle.errors import DomainError, RecipeError
from treadle.evaluate.records import Mode
from treadle.evaluate.settings import EvaluateSettings
from treadle.files.secrets import refuse_secrets
from treadle.files.yaml_reading import read_yaml
from treadle.recipe.errors import explain
from treadle.recipe.overrides import apply_override
from treadle.recipe.parts import Strict
from treadle.recipe.reading import parse_recipe
from treadle.recipe.schema import Recipe
from treadle.scoring.grading import GraderName

SECTION = "bootstrap"
Help = Literal["none", "answer", "prefix"]


class Bootstrap(Strict):
    """What the rounds are.

    Args:
        problems: To sample from, with answers: a published set by name, or `[NAME=]PATH` of a file or a prepared
            folder.
        held_out: What accuracy is measured on after each round; the same forms. No problem may be in both.
        columns, domain, kind, split: How files are read, as of `treadle evaluate`; `split` of `problems` that are a
            prepared folder, whose held-out ones are taken for `held_out`.
        rounds: Most rounds.
        patience: Rounds in a row without a higher held-out accuracy than the best before, after which it is over.
        samples: Solutions of each problem and round.
        mode: `whole`: a solution at once; `loop`: step by step. Held-out problems are solved in the same way.
        temperature, top_p, top_k, max_new_tokens, max_step_tokens, max_steps: As of `treadle evaluate`.
        held_out_samples: Sampled attempts at each held-out problem beside the greedy one.
        help: For problems of which no sample is right, a second wave of samples: `answer` shows the reference as a
            hint, which is then removed (STaR, Zelikman et al. 2022); `prefix` gives an expert's first steps, where
            `problems` are a prepared folder and `mode` is `loop`.
        prefix: Share of the expert's steps that `prefix` gives, of two steps or more at least one and never all.
        train_from: `base`: each round trains the model of the recipe again (ReST-EM, Singh et al. 2023); `last`: it
            goes on from the model of the round before.
        accumulate: Train on the solutions of all rounds so far, not on the round's own alone.
        keep: Most solutions of one problem over all rounds, the earliest first: easy ones would crowd out the others.
        min_characters, max_characters: Band of a solution's length, thoughts aside.
        language, repetition: Other checks, `null` for none: a code such as `en`, and the share of runs of ten words
            that may come again.
        near_threshold: Similarity from which a solution counts as one that is there already; `null` compares exactly.
        targets: Which steps are targets, as of `treadle prepare`, for stages that train on steps.
        grader: As of `treadle evaluate`.
        backend: `transformers` or `vllm`, in this process, since the model changes from round to round.
        batch_size: Of transformers.
    """

    problems: str
    held_out: str
    columns: str | None = None
    domain: str = "math"
    kind: str = "math"
    split: Literal["train", "heldout"] = "train"
    rounds: int = Field(3, ge=1, le=99)
    patience: int = Field(1, ge=1)
    samples: int = Field(8, ge=1)
    mode: Mode = "whole"
    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    max_new_tokens: int = Field(4096, ge=1)
    max_step_tokens: int = Field(2048, ge=1)
    max_steps: int = Field(30, ge=1)
    held_out_samples: int = Field(0, ge=0)
    help: Help = "none"
    prefix: float = Field(0.5, gt=0, lt=1)
    train_from: Literal["base", "last"] = "base"
    accumulate: bool = True
    keep: int = Field(4, ge=1)
    min_characters: int = Field(1, ge=0)
    max_characters: int | None = Field(None, ge=1)
    language: str | None = None
    repetition: float | None = Field(None, ge=0, le=1)
    near_threshold: float | None = Field(0.8, ge=0.5, le=1)
    targets: Targets = "all"
    grader: GraderName = "treadle"
    backend: Literal["transformers", "vllm"] = "transformers"
    batch_size: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _prefixes_are_steps(self) -> Bootstrap:
        if self.help == "prefix" and self.mode != "loop":
            raise ValueError("help=prefix gives steps, and mode=whole asks for a solution at once; set mode=loop")
        return self

    def sampling(self, seed: int, benchmark: str) -> EvaluateSettings:
        """How a wave of a round is sampled."""
        return EvaluateSettings(
            modes=(self.mode,),
            greedy=False,
            samples_of={benchmark: self.samples},
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_new_tokens=self.max_new_tokens,
            max_step_tokens=self.max_step_tokens,
            max_steps=self.max_steps,
            seed=seed,
        )

    def testing(self, seed: int, benchmark: str) -> EvaluateSettings:
        """How held-out problems are solved."""
        return replace(self.sampling(seed, benchmark), greedy=True, samples_of={benchmark: self.held_out_samples})


@dataclass(frozen=True)
class BootstrapRecipe:
    """Rounds, and what each of them trains.

    Args:
        rounds: The section.
        training: The recipe without it; its `data` is the expert's prepared folder where `expert` says so.
        expert: Whether `data` was given.
    """

    rounds: Bootstrap
    training: Recipe
    expert: bool

    def of_round(self, model: str, data: Path, output: Path, max_hours: float | None = None) -> Recipe:
        """What a round trains."""
        changes = {"model": model, "data": data, "output": output, "max_hours": max_hours}
        return self.training.model_copy(update=changes)


def load_bootstrap(path: Path, overrides: Sequence[str] = ()) -> BootstrapRecipe:
    """Read and check a recipe file with a section `bootstrap`.

    Args:
        overrides: `key.path=value`, such as `bootstrap.rounds=2`.

    Raises:
        RecipeError: The file is missing, a key, type or value is wrong, or there is a secret.
    """
    if not path.is_file():
        raise RecipeError(f"{path}: no such recipe file")
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get(SECTION), dict):
        raise RecipeError(
            f"{path}: no section {SECTION!r}; add for instance\n"
            f"  {SECTION}: {{problems: problems.jsonl, held_out: test.jsonl}}"
        )
    refuse_secrets(content, str(path), RecipeError)
    for override in overrides:
        apply_override(content, override)
    return parse_bootstrap(content, str(path))


def parse_bootstrap(content: dict[str, Any], where: str = "recipe") -> BootstrapRecipe:
    """Check a recipe that is already a dictionary; raises `RecipeError` like `load_bootstrap`."""
    training = {key: value for key, value in content.items() if key != SECTION}
    expert = training.get("data") is not None
    if not expert:
        training["data"] = "unused"  # each round has a folder of its own
    try:
        rounds = Bootstrap.model_validate(content[SECTION])
    except ValidationError as error:
        lines = [explain(problem, Bootstrap, {}) for problem in error.errors()]
        raise RecipeError(f"{where}, {SECTION}: " + "\n  ".join(lines)) from None
    try:
        use(rounds.domain)
    except DomainError as error:
        raise RecipeError(f"{where}, {SECTION}: domain: {error}") from None
    return BootstrapRecipe(rounds, parse_recipe(training, where), expert)


def resolved(recipe: BootstrapRecipe) -> str:
    """The recipe with every default filled in, as YAML."""
    training = recipe.training.model_dump(mode="json")
    if not recipe.expert:
        del training["data"]
    whole = {**training, SECTION: recipe.rounds.model_dump(mode="json")}
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
