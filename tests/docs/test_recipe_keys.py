"""The reference of a recipe's keys is what the schema says."""

from __future__ import annotations

import re

import pytest
import recipe_keys

from treadle.recipe.json_schema import recipe_schema

TEXT = recipe_keys.PAGE.read_text(encoding="utf-8")


def test_the_page_is_the_one_of_the_code():
    assert recipe_keys.page() == TEXT, "the schema has changed: run `python docs/recipe_keys.py`"


def test_every_key_stands_there():
    schema = recipe_schema()
    sections = [schema, *schema["$defs"].values()]
    keys = {key for section in sections for key in section.get("properties", {})} - {"kind"}
    assert keys - set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)) == set()
    assert len(keys) > 70


@pytest.mark.parametrize(
    "row",
    [
        "| `data` | folder | required | Folder that `treadle prepare` wrote. |",
        "| `r` | integer ≥ 1 | `16` | Rank of the adapter's matrices. |",
        "| `max_completion_length` | integer ≥ 1 | `2048` | Tokens of one completion. The paper does not give it. |",
        "| `log_rollouts` | `true`, `false` | `true` | Write `rollouts.jsonl` into the output folder. |",
    ],
)
def test_rows_by_hand(row):
    assert row in TEXT.splitlines()
