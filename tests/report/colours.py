"""How far apart two colours look, to readers with and without colour blindness.

Colour blindness as Machado, Oliveira and Fernandes (2009) simulate it, complete, in linear RGB; distance as the
CIE's of 1976 in L*a*b*, of which 2.3 is the least that an eye notices side by side.
"""

from __future__ import annotations

import numpy as np

VISION = {
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _XYZ @ np.ones(3)


def distance(first: str, second: str, vision: str = "full") -> float:
    """Of two colours written `#rrggbb`."""
    return float(np.linalg.norm(_lab(first, vision) - _lab(second, vision)))


def _lab(colour: str, vision: str) -> np.ndarray:
    parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    x, y, z = _root(_XYZ @ np.clip(np.array(VISION[vision]) @ linear, 0, 1) / _WHITE)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _root(t: np.ndarray) -> np.ndarray:
    return np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
