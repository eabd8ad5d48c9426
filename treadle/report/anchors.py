"""Addresses of things on a page, such as `#aime24-60`: made of names alone, so that a link outlives the page it is to.

A name is data: it may hold spaces, quotes or a page of text. Letters, digits, `.`, `_` and `-` stand for themselves,
every other byte of its UTF-8 is `~` and two hexadecimal digits. Names longer than `LONGEST` characters keep their
beginning and a hash of all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LONGEST = 80
_SAFE = re.compile(rb"[^A-Za-z0-9._-]")


def anchor(*names: str) -> str:
    """The address of what has these names, such as a benchmark's and a problem's."""
    raw = "-".join(names).encode("utf-8", "surrogatepass")
    found = _SAFE.sub(lambda byte: b"~%02x" % byte[0][0], raw).decode("ascii")
    if len(found) <= LONGEST:
        return found
    return f"{found[: LONGEST - 20]}~{hashlib.sha256(raw).hexdigest()[:8]}"


class Anchors:
    """Addresses of one page, of which no two are alike.

    Args:
        taken: Addresses that the page has already, of its sections for instance.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def take(self, *names: str) -> str:
        """The address of `names`, with a number behind it where it is given away (`a-b`, `c` beside `a`, `b-c`)."""
        plain = found = anchor(*names)
        number = 1
        while found in self._taken:
            number += 1
            found = f"{plain}-{number}"
        self._taken.add(found)
        return found
