"""The page on prefixes: its recipes are taken, its policy works, its table has every setting with its default."""

from __future__ import annotations

import re
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import yaml

from tests.training.prefixes.histories import expert, history, visits
from treadle.errors import RecipeError
from treadle.training.prefixes.on_failure import OnFailure
from treadle.training.prefixes.registry import BUILT_IN, ENTRY_POINTS, STAGE_KEYS, policy_of

PAGE = (Path(__file__).parents[2] / "docs/prefixes.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"^ *(prefix: [^\n#]*)", PAGE, re.MULTILINE)
OWN = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture
def growing(tmp_path, monkeypatch):
    """The page's own policy, as a file in a folder of the path."""
    (tmp_path / "growing.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("growing", None)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_are_taken(growing, recipe):
    prefix = yaml.safe_load(recipe)["prefix"]
    prefix = {"policy": prefix} if isinstance(prefix, str) else prefix
    assert policy_of(prefix["policy"], {key: value for key, value in prefix.items() if key not in STAGE_KEYS})


def test_each_policy_has_a_recipe():
    assert len(RECIPES) > 6
    assert [name for name in BUILT_IN if not any(name in recipe for recipe in RECIPES)] == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_table_has_every_setting_with_its_default(name):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    settings = row.split(" | ")[-1]
    assert is_dataclass(BUILT_IN[name])
    if not fields(BUILT_IN[name]):
        assert settings == "none |"
    for field in fields(BUILT_IN[name]):
        default = "null" if field.default is None else str(field.default)
        assert re.search(rf"`{field.name}`: `?{re.escape(default)}\b", settings), f"{name}.{field.name}"


def test_the_policy_of_ones_own(growing):
    policy = policy_of("growing:Growing", {"by": 2})
    lengths = visits(policy, 5, lambda length: 3 if length >= 4 else 0, 6)
    assert lengths == [[0], [2], [4], [0], [2], [4]]
    with pytest.raises(RecipeError, match=r"^prefix\.by: found 0, expected at least 1$"):
        policy_of("growing:Growing", {"by": 0})


def test_the_group_of_entry_points():
    assert f'[project.entry-points."{ENTRY_POINTS}"]' in PAGE


def test_the_search_that_the_page_tells():
    told = re.search(r"7 steps before the last, none right from 0: (\d) is tried\. .*?4: (\d)\. .*?6: (\d)\.", PAGE)
    attempts = [(0, 0), (4, 0), (6, 8)]
    found = [OnFailure().length(expert(7), history(*attempts[: count + 1])) for count in range(3)]
    assert [int(length) for length in told.groups()] == found
