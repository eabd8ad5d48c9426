"""The recipe's JSON Schema: every key has a meaning, and it takes and flags what the reader takes and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from treadle.errors import RecipeError
from treadle.recipe.json_schema import CLASSES, arguments_of, meanings_of, recipe_schema
from treadle.recipe.reading import load_recipe, parse_recipe

ROOT = Path(__file__).parents[2]
SCHEMA = recipe_schema()
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
SAID = {"$schema", "title", "description", "default", "format", "$defs"}
"""Keywords that refuse nothing."""


def is_a(value, kind):
    if kind in ("number", "integer"):
        whole = kind == "number" or not isinstance(value, float) or value.is_integer()
        return isinstance(value, int | float) and not isinstance(value, bool) and whole
    return isinstance(value, TYPES[kind])


def faults(value, schema, where=""):
    """What a JSON Schema of draft 7 has against a value; a keyword that this does not know is a `KeyError`."""
    for word, of in schema.items():
        if word not in SAID:
            yield from KEYWORDS[word](value, of, where, schema)


def referred(value, of, where, schema):
    part = SCHEMA
    for name in of.removeprefix("#/").split("/"):
        part = part[name]
    yield from faults(value, part, where)


def matching(count):
    def check(value, of, where, schema):
        found = [list(faults(value, one, where)) for one in of]
        if not count(sum(not one for one in found), len(of)):
            yield where, min((one for one in found if one), key=len, default="more than one")

    return check


def properties(value, of, where, schema):
    if isinstance(value, dict):
        for name in set(value) & set(of):
            yield from faults(value[name], of[name], f"{where}.{name}")


def no_others(value, of, where, schema):
    if isinstance(value, dict) and of is False:
        yield from ((f"{where}.{name}", "unknown") for name in set(value) - set(schema["properties"]))


def items(value, of, where, schema):
    if isinstance(value, list):
        each = of if isinstance(of, list) else [of] * len(value)
        for number, (one, kind) in enumerate(zip(value, each, strict=False)):
            yield from faults(one, kind, f"{where}.{number}")


def simply(holds, kind=object):
    """A keyword that holds or not, for values of a type."""

    def check(value, of, where, schema):
        if isinstance(value, kind) and not isinstance(value, bool) and not holds(value, of):
            yield where, of

    return check


NUMBER = (int, float)
KEYWORDS = {
    "$ref": referred,
    "allOf": matching(lambda right, of: right == of),
    "anyOf": matching(lambda right, of: right > 0),
    "oneOf": matching(lambda right, of: right == 1),
    "type": lambda value, of, where, schema: () if is_a(value, of) else [(where, of)],
    "properties": properties,
    "required": simply(lambda value, of: set(of) <= set(value), dict),
    "additionalProperties": no_others,
    "items": items,
    "enum": simply(lambda value, of: value in of),
    "const": simply(lambda value, of: value == of),
    "minimum": simply(lambda value, of: value >= of, NUMBER),
    "maximum": simply(lambda value, of: value <= of, NUMBER),
    "exclusiveMinimum": simply(lambda value, of: value > of, NUMBER),
    "exclusiveMaximum": simply(lambda value, of: value < of, NUMBER),
    "minLength": simply(lambda value, of: len(value) >= of, str),
    "minItems": simply(lambda value, of: len(value) >= of, list),
    "maxItems": simply(lambda value, of: len(value) <= of, list),
}


def recipe(*stages, **changes):
    return {"model": "m", "data": "d", "output": "o", "stages": list(stages) or [{"kind": "srl"}], **changes}


@pytest.mark.parametrize("kind", CLASSES)
def test_every_key_has_a_meaning(kind):
    told = meanings_of(kind)
    assert set(told) == set(kind.model_fields)
    for name, text in told.items():
        assert len(text) >= len("Of AdamW."), name
        assert "SRLConfig" not in text, name  # what is referred to is there itself
        assert "`None`" not in text, name  # which YAML has not


def test_meanings_are_those_of_the_docstrings():
    assert arguments_of(
        "A.\n\n    Args:\n        a, b: One\n            two.\n        c (`int`): Three: four.\n\n    End."
    ) == {
        "a": "One two.",
        "b": "One two.",
        "c": "Three: four.",
    }
    srl = SCHEMA["$defs"]["SRLStage"]["properties"]
    assert srl["learning_rate"]["description"] == "Of AdamW, after the warm-up."
    assert srl["max_staleness"]["description"].startswith("For how many generations informative groups")
    # Of a class whose text stands between a reference and more of its own.
    assert srl["sampling_floor"]["description"].startswith("Reward, as the reward functions' weighted sum")
    assert "`data` takes the floor of similarity" in srl["sampling_floor"]["description"].lower()


def test_a_key_without_a_meaning_is_noticed():
    class Silent(CLASSES[-1]):
        volume: int = 0

    with pytest.raises(KeyError, match="volume"):
        meanings_of(Silent)


def test_it_is_plain_json_with_definitions_that_are_there():
    text = json.dumps(SCHEMA)
    for name in re.findall(r'"#/\$defs/(\w+)"', text):
        assert name in SCHEMA["$defs"]
    assert '"None"' not in text


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_that_are_read_are_taken(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for stage in content["stages"]:
        if isinstance(stage.get("learning_rate"), str):  # 2e-5, of which PyYAML alone makes a text
            stage["learning_rate"] = float(stage["learning_rate"])
    assert list(faults(content, SCHEMA)) == []
    # And with all defaults written out.
    assert list(faults(load_recipe(path).model_dump(mode="json"), SCHEMA)) == []


@pytest.mark.parametrize(
    "content",
    [
        recipe(lora={"r": 8, "target_modules": ["q_proj"]}, thought_tags=["<a>", "</a>"], date="2026-01-31"),
        recipe(
            {"kind": "rlvr", "prefix": "adaptive"}, {"kind": "rlvr", "name": "b", "prefix": {"policy": "x", "y": 1}}
        ),
        recipe({"kind": "srl", "sampling_floor": "data"}, {"kind": "sft", "max_length": None, "trl": {"optim": "sgd"}}),
        recipe({"kind": "warmup", "goal": 1}, prompts={"examples": 2}, report_to=["wandb"]),
    ],
)
def test_what_is_read_is_taken(content):
    parse_recipe(content)
    assert list(faults(content, SCHEMA)) == []


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (recipe({"kind": "srl", "max_stps": 3}), ".stages.0"),
        (recipe({"kind": "slr"}), ".stages.0"),
        (recipe({"max_steps": 3}), ".stages.0"),
        (recipe({"kind": "srl", "rollouts": 1}), ".stages.0"),
        (recipe({"kind": "srl", "learning_rate": "fast"}), ".stages.0"),
        (recipe({"kind": "sft", "rollouts": 8}), ".stages.0"),
        (recipe({"kind": "srl", "prefix": "adaptive"}), ".stages.0"),
        (recipe(lorra={"r": 8}), ".lorra"),
        (recipe(lora={"rank": 8}), ".lora"),
        (recipe(dtype="fp16"), ".dtype"),
        (recipe(seed=-1), ".seed"),
        (recipe(thought_tags=["<a>"]), ".thought_tags"),
        ({**recipe(), "stages": []}, ".stages"),
        ({"model": "m", "data": "d", "stages": [{"kind": "srl"}]}, ""),
    ],
)
def test_mistakes_that_are_refused_are_flagged_in_their_place(content, where):
    with pytest.raises(RecipeError):
        parse_recipe(content)
    assert [place for place, _ in faults(content, SCHEMA)] == [where]
