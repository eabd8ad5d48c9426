"""The recipe's JSON Schema, for editors: pydantic's, with each key's meaning from the docstrings of its classes.

Draft 7 is what editors know best: there nothing counts beside a `$ref`, and a list of fixed length has its items in a
list. Where a docstring says "see `SRLConfig`" for what it does not say twice, the text is that of the class or function
named; its module is read and not imported, as TRL takes seconds.
"""

from __future__ import annotations

import ast
import inspect
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from treadle.recipe.parts import Lora, Prefix, Prompts
from treadle.recipe.schema import Recipe, RLVRStage, SFTStage, SRLStage, WarmupStage
from treadle.repository import with_places

DIALECT = "http://json-schema.org/draft-07/schema#"
CLASSES: tuple[type[BaseModel], ...] = (Recipe, SFTStage, WarmupStage, SRLStage, RLVRStage, Lora, Prompts, Prefix)
_ELSEWHERE = {
    "SRLConfig": "treadle.training.srl_config",
    "ChatSettings": "treadle.chat.settings",
    "srl_reward": "treadle.scoring.rewards",
    "step_similarity": "treadle.scoring.rewards",
    "parse_completion": "treadle.scoring.completion",
}
"""Whose docstrings are followed, and their modules."""
_SEE = re.compile(rf"[;,]? ?\b[Ss]ee `(?:[\w.]+\.)?({'|'.join(_ELSEWHERE)})`[;,.]? ?")
_ENTRY = re.compile(r"(\w+(?:, \w+)*)(?: \([^)]*\))?: *(.+)")


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema of recipe files.

    It is stricter than the reader in one thing: a number in quotes is read, and flagged here.
    """
    schema = _portable(Recipe.model_json_schema(schema_generator=_Untitled))
    definitions = schema["$defs"]
    for kind in CLASSES:
        of = schema if kind is Recipe else definitions[kind.__name__]
        of["description"] = with_places(_summary(kind.__doc__))
        meanings = meanings_of(kind)
        for key, value in of["properties"].items():
            value["description"] = with_places(meanings[key])
    definitions["Prefix"] = {"anyOf": [{"type": "string", "minLength": 1}, definitions["Prefix"]]}
    return {"$schema": DIALECT, "title": "Recipe of treadle", **schema}


def meanings_of(kind: type[BaseModel]) -> dict[str, str]:
    """What each field of a class means, by its docstring or the nearest of a base class.

    Raises:
        KeyError: None of them says so of a field.
    """
    told: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, BaseModel):
            told |= arguments_of(base.__doc__ or "")
    return {name: _followed(name, told[name]) for name in kind.model_fields}


def arguments_of(doc: str) -> dict[str, str]:
    """The entries of a docstring's sections, by name: one that stands for several names is there for each."""
    entries: list[str] = []
    for line in inspect.cleandoc(doc).splitlines():
        indent = len(line) - len(line.lstrip())
        if indent == 4:
            entries.append(line.strip())
        elif indent > 4:
            entries[-1] += " " + line.strip()
    found = filter(None, map(_ENTRY.fullmatch, entries))
    return {name: entry[2] for entry in found for name in entry[1].split(", ")}


def _followed(name: str, text: str) -> str:
    """A text, with that of the docstring which it refers to in place of the reference, and YAML's word for `None`."""
    text = text.replace("`None`", "`null`")
    found = _SEE.search(text)
    if found is None:
        return text
    there = _followed(name, arguments_of(_docstring(found[1]))[name])
    before, after = text[: found.start()], text[found.end() :]
    parts = (before, there, after[:1].upper() + after[1:])
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)


def _docstring(name: str) -> str:
    """Of a class or function in `_ELSEWHERE`."""
    module = ast.parse(Path(find_spec(_ELSEWHERE[name]).origin).read_text(encoding="utf-8"))
    kinds = ast.ClassDef | ast.FunctionDef
    return next(ast.get_docstring(one) for one in module.body if isinstance(one, kinds) and one.name == name)


def _summary(doc: str) -> str:
    """The first paragraph of a docstring."""
    return " ".join(inspect.cleandoc(doc).partition("\n\n")[0].split())


class _Untitled(GenerateJsonSchema):
    """Without titles, which only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _portable(schema: Any) -> Any:
    """pydantic's schema in words that draft 7 has."""
    if isinstance(schema, list):
        return [_portable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _portable(value) for key, value in schema.items() if key != "discriminator"}
    if "prefixItems" in found:
        found["items"] = found.pop("prefixItems")
    if "$ref" in found and len(found) > 1:
        found["allOf"] = [{"$ref": found.pop("$ref")}]
    return found
