"""The colours of pictures: Okabe and Ito's (2008), dark enough for a white page, and told apart by the colour-blind.

Lines and markers carry what colours do as well; a page's own colours are in its style sheets, where light and dark
differ. A test holds both to their distances and contrasts.
"""

from __future__ import annotations

BLUE, VERMILION, GREY, BLACK = "#0072B2", "#D55E00", "#767676", "#1c1c1c"
FLOOR = "#8A5A00"
"""What a policy earns that has learned nothing, always a dashed line."""
DARK = {
    BLUE.lower(): "#56b4e9",
    VERMILION.lower(): "#ff9a4d",
    GREY: "#9aa3ae",
    BLACK: "#e4e6e9",
    FLOOR.lower(): "#e0b050",
    "#000000": "#e4e6e9",
}
"""Each on a dark page, and that of text and axes."""
