"""Contrast of text on a page as the Web Content Accessibility Guidelines (2.2, success criterion 1.4.3) measure it.

Colours are the browser's computed ones: of each element that holds text, over the backgrounds behind it.
"""

from __future__ import annotations

from typing import Any

_SCRIPT = r"""(() => {
  const parse = text => {
    const numbers = text.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
    const unit = text.startsWith("color(") ? 1 : 255;
    return [numbers[0] / unit, numbers[1] / unit, numbers[2] / unit, numbers[3] ?? 1];
  };
  const over = (top, bottom) => [0, 1, 2].map(k => top[k] * top[3] + bottom[k] * (1 - top[3])).concat(1);
  const background = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [1, 1, 1, 1]);
  };
  const luminance = colour => {
    const [r, g, b] = colour.slice(0, 3).map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const seen = element.checkVisibility({ visibilityProperty: true }) && !element.closest("script, style");
    if (!walker.currentNode.data.trim() || !seen) continue;
    const style = getComputedStyle(element), behind = background(element);
    let colour = parse(element instanceof SVGElement ? style.fill : style.color);
    for (let e = element; e; e = e.parentElement) colour[3] *= Number(getComputedStyle(e).opacity);
    if (colour[3] === 0 && element.closest("[aria-hidden=true]")) continue;
    const [a, b] = [luminance(over(colour, behind)), luminance(behind)].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), walker.currentNode.data.trim().slice(0, 40), element.outerHTML.slice(0, 100)]);
  }
  return found;
})()"""


def contrasts(browser: Any) -> list[tuple[float, str, str]]:
    """The contrast of each text that is there to be read, with its beginning and that of its element.

    Left out is what is both fully transparent and hidden from screen readers: the LaTeX behind a formula.
    """
    return [tuple(one) for one in browser.run(_SCRIPT)]


def ratio(first: str, second: str) -> float:
    """Contrast of two colours written `#rgb` or `#rrggbb`."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
