"""From a YAML file and overrides to a checked recipe, and back to YAML with every default.

An unknown key fails and names the nearest one, also among TRL's, and a wrong type fails before any model is loaded. Any
value can be overridden as `key.path=value`, stages by name or number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from treadle.domains.registry import use
from treadle.errors import DomainError, RecipeError
from treadle.files.secrets import refuse_secrets
from treadle.files.yaml_reading import read_yaml
from treadle.recipe.errors import explain
from treadle.recipe.overrides import apply_override
from treadle.recipe.parts import Lora, Prompts
from treadle.recipe.schema import Recipe, RLVRStage, SFTStage, SRLStage, WarmupStage


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe file.

    Args:
        path: A YAML file.
        overrides: `key.path=value` strings; values are read as YAML.

    Raises:
        RecipeError: The file is missing or not the YAML of a recipe (see `treadle.files.yaml_reading`), a key, type or
            value is wrong, there is no such domain, or there is a secret.
    """
    if not path.is_file():
        found = "a folder, expected a recipe file (YAML)" if path.is_dir() else "no such recipe file"
        raise RecipeError(f"{path}: {found}; `treadle init` writes one for a model and prepared data")
    content = read_yaml(path)
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise RecipeError(f"{path}: found {found}, expected keys such as model, data, output, stages")
    refuse_secrets(content, str(path), RecipeError)
    for override in overrides:
        apply_override(content, override)
    return parse_recipe(content, str(path))


def parse_recipe(content: dict[str, Any], where: str = "recipe") -> Recipe:
    """Check a recipe that is already a dictionary, and make the domain that it names known.

    Raises:
        RecipeError: As `load_recipe`.
    """
    refuse_secrets(content, where, RecipeError)
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        parts = {
            "sft": SFTStage,
            "warmup": WarmupStage,
            "rlvr": RLVRStage,
            "srl": SRLStage,
            "lora": Lora,
            "prompts": Prompts,
        }
        lines = [explain(problem, Recipe, parts) for problem in error.errors()]
        raise RecipeError(f"{where}: " + "\n  ".join(lines)) from None
    if recipe.domain is not None:
        try:
            use(recipe.domain)
        except DomainError as error:
            raise RecipeError(f"{where}: domain: {error}") from None
    if any(stage.trl for stage in recipe.stages):
        from treadle.recipe.arguments import check_trl_keys  # imports TRL, which takes seconds

        for stage in recipe.stages:
            check_trl_keys(stage, where)
    return recipe


def resolved(recipe: Recipe) -> str:
    """The recipe with every default filled in, as YAML."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
