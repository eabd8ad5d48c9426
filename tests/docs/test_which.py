"""The page on methods has the states, the stages and the limits of the code."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from treadle.check import state as module
from treadle.check.advice import STAGES
from treadle.check.state import State
from treadle.recipe.reading import parse_recipe

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "which.md").read_text(encoding="utf-8")
RECIPE = re.compile(r"^((?:`\w+`(?:, )?)+)[^`\n]*(?:`prefix[^\n]*)?:\n\n```yaml\n(.*?)```", re.MULTILINE | re.DOTALL)


def test_every_state_stands_there_in_order_with_its_stages():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\w, ]*) ?\|[^|]*\|$", TEXT.split("## The states")[1], re.MULTILINE)
    told = [(name, tuple(filter(None, re.split(r", ?", stages.strip())))) for name, stages in rows]
    assert told == [(state.value, STAGES[state]) for state in State]


def test_every_limit_stands_there_with_its_value():
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([\d.]+) \|", TEXT, re.MULTILINE)
    limits = {name: value for name, value in vars(module).items() if name.isupper()}
    assert {name: float(value) for name, value in rows} == limits


def test_recipes_are_read_and_have_the_stages_that_are_advised():
    found = {}
    for names, text in RECIPE.findall(TEXT):
        recipe = parse_recipe({"model": "m", "data": "d", "output": "o", **yaml.safe_load(text)})
        found |= {name: tuple(stage.kind for stage in recipe.stages) for name in re.findall(r"\w+", names)}
    assert found == {state.value: stages for state, stages in STAGES.items() if stages}
