from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

import treadle
from tests.report.colours import VISION, distance
from tests.report.contrast import ratio
from treadle.miniature.report import COLOURS, CURVES
from treadle.report import palette

STYLES = (
    "report/style.css.j2",
    "report/story/story.css.j2",
    "report/evaluation/page.css.j2",
    "miniature/ablations.css.j2",
)
TOGETHER = [("arm", "worse", "paper", "text"), ("right", "wrong"), ("whole", "loop"), ("good", "bad")]
"""Colours of pages that a reader has to tell apart, by their names in the style sheets."""
APART = 20
"""Nine times what is noticed side by side. Two oranges that were mistaken for each other are 10 to 15 apart, and for
those who are blind to red or green the green and red of verdicts were 8 and 9."""


def page_colours(scheme: str) -> dict[str, str]:
    """The variables of all style sheets as a page in light or dark has them."""
    found: dict[str, str] = {}
    for name in STYLES:
        text = (Path(treadle.__file__).parent / name).read_text(encoding="utf-8")
        for dark, inner in re.findall(r"(prefers-color-scheme: dark\) \{\s*)?:root \{([^}]*)\}", text):
            if not dark or scheme == "dark":
                found |= dict(re.findall(r"--([\w-]+): (#\w+);", inner))
    return {name: "#" + "".join(2 * c for c in v[1:]) if len(v) == 4 else v for name, v in found.items()}


def closest(colours: list[str]) -> float:
    return min(distance(a, b, vision) for a, b in combinations(colours, 2) for vision in VISION)


def test_the_distance_is_that_of_the_cie():
    # In L*a*b* red is (53.24, 80.09, 67.20), green (87.73, -86.18, 83.18) and white (100, 0, 0).
    assert distance("#000000", "#ffffff") == pytest.approx(100, abs=0.01)
    assert distance("#ff0000", "#00ff00") == pytest.approx(
        ((87.73 - 53.24) ** 2 + 166.27**2 + 15.98**2) ** 0.5, abs=0.3
    )
    assert distance("#ff0000", "#00ff00", "deuteranopia") < 0.6 * distance("#ff0000", "#00ff00")
    assert closest(["#e07a2f", "#b5651d"]) < APART, "two arms that were nearly of the same orange"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("names", TOGETHER, ids="-".join)
def test_colours_of_a_page_can_be_told_apart_and_seen(scheme, names):
    colours = page_colours(scheme)
    assert closest([colours[name] for name in names]) >= APART
    # Success criterion 1.4.11: graphics have a contrast of 3 to what is beside them.
    assert all(ratio(colours[name], colours["page"]) >= 3 for name in names)


def test_colours_of_pictures_can_be_told_apart_and_seen():
    curves = [style["color"] for style in CURVES.values()]
    for colours in (curves, list(COLOURS.values()), [palette.BLUE, palette.VERMILION, palette.GREY, palette.BLACK]):
        assert closest(colours) >= APART
        assert all(ratio(colour, "#ffffff") >= 3 for colour in [*colours, palette.FLOOR])
        dark = [palette.DARK[colour.lower()] for colour in colours]
        assert closest(dark) >= APART
        assert all(ratio(colour, page_colours("dark")["page"]) >= 3 for colour in [*dark, palette.DARK["#8a5a00"]])
