"""Write docs/recipe.md, the reference of a recipe's keys, from the schema: its defaults, bounds and docstrings.

    python docs/recipe_keys.py

A test repeats it and compares.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from treadle.recipe import schema
from treadle.recipe.json_schema import meanings_of
from treadle.recipe.parts import Lora, Prefix, Prompts

PAGE = Path(__file__).with_name("recipe.md")
SECTIONS = {
    "The recipe": schema.Recipe,
    "`lora`": Lora,
    "`prompts`": Prompts,
    "Every stage": schema.Stage,
    "Stages of kind `sft`": schema.SFTStage,
    "Stages of kind `warmup`": schema.WarmupStage,
    "Stages of kind `srl` and `rlvr`": schema.RLStage,
    "Stages of kind `srl`": schema.SRLStage,
    "Stages of kind `rlvr`": schema.RLVRStage,
    "`prefix` of an `rlvr` stage": Prefix,
}
"""Heading of each table, and the class that it shows: keys of its own, and those with a default of its own."""

LINKS = {"`Lora`": "[`lora`](#lora)", "`Prefix`": "[`prefix`](#prefix-of-an-rlvr-stage)"}
"""Classes that have a table of their own."""

KINDS = {schema.RLStage: schema.SRLStage}
"""A kind of a class that leaves a key to its kinds: it says what the others mean, and shows that key itself."""

INTRODUCTION = """\
# Keys of a recipe

A recipe is a YAML file. `model`, `data`, `output` and `stages` have to be there; whatever else is left out has the
default of the tables below. The defaults are the paper's settings ([paper.md](paper.md)), made for a model of 7 billion
parameters on GPUs: one optimizer step of SRL is 512 prompts, each with 8 completions of up to 2,048 tokens.

An unknown key is refused, and the nearest known one named. `treadle train RECIPE --dry-run` prints all values as they
are resolved. Any can be set on the command line, as in `treadle train RECIPE stages.srl.learning_rate=1e-6`, where a
stage goes by its name (its kind, if it has none) or its number, the first being 0.

`python docs/recipe_keys.py` wrote this page from `treadle/recipe/schema.py`.
"""


def page() -> str:
    """The whole of docs/recipe.md."""
    return "\n".join([INTRODUCTION, *(_section(heading, kind) for heading, kind in SECTIONS.items())])


def _section(heading: str, kind: type[BaseModel]) -> str:
    doc = inspect.getdoc(kind) or ""
    lines = [f"## {heading}", "", _linked(" ".join(doc.split("\n\n")[0].split())), ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    whole = KINDS.get(kind, kind)
    told = meanings_of(whole)
    left = () if whole is kind else whole.__annotations__
    properties = kind.model_json_schema()["properties"]
    for key in kind.__annotations__:
        if key in properties and key not in left and key != "kind":
            cells = (f"`{key}`", _value(properties[key]), _default(kind, key), _linked(told[key]))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _default(kind: type[BaseModel], key: str) -> str:
    field = kind.model_fields[key]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, str):
        return f"`{value}`" if value else ""
    if hasattr(value, "model_dump"):
        return "see below"
    return f"`{json.dumps(value)}`"


def _value(told: dict[str, Any]) -> str:
    """A value's type and bounds, of what JSON Schema says of it."""
    if "enum" in told or "const" in told:
        return ", ".join(f"`{value}`" for value in told.get("enum", [told.get("const")]))
    if "anyOf" in told:
        return ", ".join(dict.fromkeys(_value(one) for one in told["anyOf"]))
    if "$ref" in told or "oneOf" in told:
        return "section, see below"
    kind = told.get("format") or told.get("type", "any")
    if kind == "array":
        return "list, see below" if "oneOf" in told.get("items", {}) else "list"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    said = [f"{sign} {told[bound]:g}" for bound, sign in bounds.items() if bound in told and told[bound] < 1e6]
    words = {"string": "text", "object": "section", "null": "`null`", "path": "folder", "boolean": "`true`, `false`"}
    return " ".join([words.get(kind, kind), ", ".join(said)]).strip()


def _linked(text: str) -> str:
    """Text for a cell of a table, in which documents are links and `None` is YAML's `null`."""
    text = re.sub(r"`?\bdocs/([\w-]+\.md)`?", r"[\1](\1)", text)
    for shown, link in LINKS.items():
        text = text.replace(shown, link)
    return text.replace("`None`", "`null`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
