"""A picture for a light page and one for a dark page, of the same figure."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
from matplotlib.image import imread

from treadle.report.palette import BLACK, BLUE, DARK, GREY
from treadle.report.pictures import picture


def drawn():
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.barh([1], [1], color=BLUE, label="a bar")
    axes.errorbar([0.5], [1], xerr=[[0.2], [0.2]], fmt="none", ecolor=BLACK, elinewidth=4)
    axes.plot([0, 1], [0, 0], color=GREY, linewidth=4, alpha=0.5)
    return figure


def colours(png):
    """The colours of opaque pixels in hexadecimal, and whether the corner is transparent."""
    pixels = imread(io.BytesIO(png), format="png")
    opaque = (pixels[pixels[..., 3] == 1][:, :3] * 255).round().astype(int)
    return {f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in opaque}, pixels[0, 0, 3] == 0


def test_the_dark_one_has_the_dark_page_s_colours_and_no_background():
    light, dark = map(colours, picture(drawn()))
    assert {BLUE.lower(), BLACK, "#ffffff"} <= light[0]
    assert not light[1]
    assert {DARK[BLUE.lower()], DARK[BLACK]} <= dark[0]
    assert dark[0].isdisjoint({BLUE.lower(), BLACK, "#000000", "#ffffff"})
    assert dark[1]


def test_a_page_has_both_and_the_text_is_escaped():
    html = picture(drawn()).html('of "all"')
    assert html.startswith('<picture><source media="screen and (prefers-color-scheme: dark)" srcset="data:image/png')
    assert 'alt="of &#34;all&#34;"></picture>' in html
    assert html.count("data:image/png;base64,") == 2
