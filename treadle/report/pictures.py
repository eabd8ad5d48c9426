"""Pictures that matplotlib draws, for a light page and for a dark one; a browser shows the reader's."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure

from treadle.report.palette import DARK

_COLOURS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


class Picture(NamedTuple):
    """A figure as PNGs: on white, and without a background in the colours of a dark page."""

    light: bytes
    dark: bytes

    def html(self, text: str) -> Markup:
        """The picture in a page.

        Args:
            text: What it shows, for who does not see it.
        """
        light, dark = (f"data:image/png;base64,{base64.b64encode(png).decode()}" for png in self)
        source = Markup('<source media="screen and (prefers-color-scheme: dark)" srcset="{}">').format(dark)
        return Markup('<picture>{}<img src="{}" alt="{}"></picture>').format(source, light, text)


def picture(figure: Figure) -> Picture:
    """The figure in both; it is closed."""
    light = _png(figure)
    for artist in figure.findobj():
        _turn_dark(artist)
    dark = _png(figure, transparent=True)
    plt.close(figure)
    return Picture(light, dark)


def _png(figure: Figure, transparent: bool = False) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", transparent=transparent)
    return buffer.getvalue()


def _turn_dark(artist: Artist) -> None:
    """Give an artist the dark page's colours for its own; what has none of those keeps its own."""
    for name in _COLOURS:
        get, put = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
        if get is None or put is None:
            continue
        found = to_rgba_array(get())
        dark = to_rgba_array([DARK.get(to_hex(colour), to_hex(colour)) for colour in found])
        dark[:, 3] = found[:, 3]
        if len(found):
            put(dark[0] if len(found) == 1 else dark)
