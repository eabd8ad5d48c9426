"""Names that become part of a path, and paths that come out of a file: what may be among them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath

LONGEST = 100
"""Characters of a name; file systems take 255 bytes, and treadle adds to them."""
ALLOWED = f"letters a to z, digits, _ . and -, beginning with a letter, a digit or _, at most {LONGEST} characters"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ANY_LETTERS = re.compile(r"\w[\w.-]*")
_LONGEST_PATH, _LONGEST_PART = 4096, 255


def wrong_in_name(name: str, any_letters: bool = False) -> str | None:
    """Why a name cannot stand in a path as one part of it that leads nowhere else; `None` where it can.

    Args:
        any_letters: Also those of other alphabets, for names that are written into files and never become paths.
    """
    pattern = _ANY_LETTERS if any_letters else _NAME
    fits = len(name) <= LONGEST and pattern.fullmatch(name) and not name.endswith(".")
    if fits and (any_letters or not PureWindowsPath(name).is_reserved()):
        return None
    shown = name if len(name) <= LONGEST else f"{name[:40]}..."
    letters = ALLOWED.replace("letters a to z", "letters") if any_letters else ALLOWED
    return f"{shown!r} cannot be a name; expected {letters}"


def same_but_for_case(names: Iterable[str]) -> str | None:
    """The first name that another one before it equals on a file system that does not tell cases apart."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return None


def is_inside(name: object) -> bool:
    """Whether a relative path that a file names stays in the folder of that file."""
    if not isinstance(name, str) or not name or "\0" in name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.parts != ()


def wrong_in_path(text: str) -> str | None:
    """Why no file system could have a path that a user gives; `None` where it could, with whatever names."""
    sizes = [len(part) for part in text.encode("utf-8", "surrogatepass").split(b"/")]
    if text and "\0" not in text and max(sizes) <= _LONGEST_PART and sum(sizes) + len(sizes) <= _LONGEST_PATH:
        return None
    found = "an empty text" if not text else f"{text[:40]!r}" + (f"... of {len(text):,} characters" * (len(text) > 40))
    return f"found {found}, expected a path, each name in it of at most {_LONGEST_PART} bytes"
