"""Names of files in a patch: git's quoting, the prefixes a/ and b/, and which names are refused."""

from __future__ import annotations

import re
from collections.abc import Callable

from treadle.evaluate.swe.patches.faults import PatchError, PatchFault, Rung
from treadle.evaluate.swe.patches.model import NOWHERE, FilePatch
from treadle.files.names import wrong_in_path

DEEPEST = 100
"""Parts of a path: what walks through folders, pytest among them, calls itself for each level."""

_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_LETTERS = {code: letter for letter, code in _ESCAPES.items()}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


def quoted(name: str) -> str:
    """A name as git writes it: in quotes where it holds quotes, control characters or what is not ASCII."""
    raw = name.encode("utf-8", "surrogateescape")
    if all(32 <= code < 127 and code not in (34, 92) for code in raw):
        return name
    pieces = (
        f"\\{_LETTERS[code]}" if code in _LETTERS else chr(code) if 32 <= code < 127 else f"\\{code:03o}"
        for code in raw
    )
    return f'"{"".join(pieces)}"'


def unquoted(text: str) -> tuple[str, str]:
    """The name at the beginning of a text, and what follows it; a name without quotes ends at a tab.

    Raises:
        ValueError: Quotes do not close, or hold what git never writes.
    """
    if not text.startswith('"'):
        name, tab, rest = text.partition("\t")
        return name, tab + rest
    found = _QUOTED.match(text)
    if found is None:
        raise ValueError(text)
    raw = _ESCAPE.sub(_unescaped, found[0][1:-1].encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape"), text[found.end() :]


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1].decode("latin-1")
    if len(code) == 3:
        return bytes([int(code, 8) & 255])
    if code not in _ESCAPES:
        raise ValueError(code)
    return bytes([_ESCAPES[code]])


def of_git_header(rest: str) -> tuple[str, str] | None:
    """Both names of a line `diff --git a/x b/x`, which are parted by a space that they may hold, too."""
    try:
        if rest.startswith('"'):
            first, rest = unquoted(rest)
            return first, unquoted(rest.removeprefix(" "))[0]
        if rest.endswith('"') and ' "' in rest:
            first, _, second = rest.partition(' "')
            return first, unquoted(f'"{second}')[0]
    except ValueError:
        return None
    middle = len(rest) // 2
    first, second = rest[:middle], rest[middle + 1 :]
    if rest[middle : middle + 1] == " " and (first == second or first[2:] == second[2:]):
        return first, second
    first, parted, second = rest.partition(" b/")
    return (first, f"b/{second}") if parted and first.startswith("a/") else None


def paths_of(patch: FilePatch, exists: Callable[[str], bool]) -> tuple[str | None, str | None, Rung]:
    """The old and the new path of a file, `None` for one that is nowhere, and whether prefixes had to be guessed.

    Args:
        exists: Whether there is such a file.

    Raises:
        PatchError: A path that must not be touched.
    """
    old, new = (None if name == NOWHERE else name for name in (patch.old, patch.new))
    if (old is None or old.startswith("a/")) and (new is None or new.startswith("b/")):
        rung, cut = Rung.EXACT, 2
    else:
        rung, cut = Rung.PREFIX, _guessed(old, new, exists)
    names = [name and name[cut:].removeprefix("./" if rung is Rung.PREFIX else "") for name in (old, new)]
    for name in names:
        if name is not None and (said := wrong_path(name)):
            raise PatchError(PatchFault.OUTSIDE, f"{name[:200]!r}: {said}")
    return names[0], names[1], rung


def _guessed(old: str | None, new: str | None, exists: Callable[[str], bool]) -> int:
    """How many characters of prefix names have that do not begin with a/ and b/."""
    if old is not None and not wrong_path(old.removeprefix("./")) and exists(old.removeprefix("./")):
        return 0
    names = [name for name in (old, new) if name is not None]
    if all(re.match(r"[abciow12]/", name) for name in names) and (
        old is None or (not wrong_path(old[2:]) and exists(old[2:]))
    ):
        return 2
    return 0


def wrong_path(name: str) -> str | None:
    """Why no patch may touch a path; `None` where it may."""
    if said := wrong_in_path(name):
        return said
    parts = name.split("/")
    if name.startswith("/"):
        return "an absolute path, expected one within the repository"
    if any(part in ("", ".", "..") for part in parts):
        return "a path with an empty part, . or .., expected a plain one within the repository"
    if len(parts) > DEEPEST:
        return f"a path of {len(parts):,} parts, expected at most {DEEPEST}"
    # Some file systems take .GIT, `.git ` and `git~1` for the same folder, and git refuses them everywhere.
    if any(part.casefold().rstrip(" .") in (".git", "git~1") for part in parts):
        return "a path into .git"
    return None
