"""The table of settings in docs/bootstrap.md has every setting of the rounds, with its default."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from pydantic_core import PydanticUndefined

from treadle.teacher.bands import BANDS
from treadle.teacher.bootstrap.schema import Bootstrap
from treadle.teacher.select import figures

PAGE = (Path(__file__).parents[2] / "docs" / "bootstrap.md").read_text(encoding="utf-8")


def test_every_setting_stands_there_with_its_default():
    table = PAGE.split("| setting | default | |")[1].split("\n\n")[0]
    told = {}
    for row in table.splitlines()[2:]:
        names, defaults = (cell.strip() for cell in row.split("|")[1:3])
        found = re.findall(r"`(\w+)`", names)
        values = [yaml.safe_load(value.strip().strip("`")) for value in defaults.split(",")] if defaults else []
        told |= dict(zip(found, values or [PydanticUndefined] * len(found), strict=True))
    assert told == {name: field.default for name, field in Bootstrap.model_fields.items()}


def test_every_band_stands_there():
    assert re.findall(r"^\| `(\w+)` \| (?:none|some)", PAGE, re.MULTILINE) == list(BANDS)
    assert set(figures([], "learnable")["places"]) == {"easy", "band", "unsolved"}
