"""Where an issue is to be repaired: files by their names, then classes and functions of those that are long.

The way of Agentless (files, then parts of files), in our own wording and without its retrieval by embeddings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from treadle.evaluate.swe.outlines import Part
from treadle.evaluate.swe.patches import PatchError, parse_patch
from treadle.evaluate.swe.patches.names import paths_of
from treadle.evaluate.swe.records import SweInstance

_TOKEN = re.compile(r"[^\s`'\"*,;:()\[\]<>]+")
_TESTS = re.compile(r"(?:^|/)(?:tests?|testing)(?:/|$)|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")
AROUND = 10
"""Lines that are shown before and after a part."""


def gold_files(instance: SweInstance, texts: Mapping[str, str]) -> list[str]:
    """The files that the gold patch changes and the repository has at the base."""
    return [path for path in changed_files(instance.patch) if path in texts]


def changed_files(patch: str) -> list[str]:
    """The files that a patch changes, renames or removes, by the names that they had; none of one that is no patch."""
    try:
        found = [paths_of(file, lambda path: True)[0] for file in parse_patch(patch).files]
    except PatchError:
        return []
    return list(dict.fromkeys(path for path in found if path is not None))


def tree_of(paths: Iterable[str], most: int) -> tuple[str, int]:
    """The list of files as a prompt shows it, and how many are left out.

    Where it would be longer than `most` characters, what is no Python goes first, then tests, then what lies deepest.

    Returns:
        A folder a line, with the files in it indented.
    """
    chosen, left_out = sorted(paths), 0
    total = len(chosen)
    for drop in (lambda path: not path.endswith(".py"), _TESTS.search):
        if len(_drawn(chosen)) > most:
            chosen = [path for path in chosen if not drop(path)]
    while chosen and len(_drawn(chosen)) > most:
        deepest = max(path.count("/") for path in chosen)
        kept = [path for path in chosen if path.count("/") < deepest]
        chosen = kept or chosen[: len(chosen) // 2]
    left_out = total - len(chosen)
    return _drawn(chosen), left_out


def _drawn(paths: Sequence[str]) -> str:
    lines, last = [], None
    for path in sorted(paths, key=lambda path: (str(PurePosixPath(path).parent), path)):
        folder = str(PurePosixPath(path).parent)
        if folder != last:
            lines.append("./" if folder == "." else f"{folder}/")
            last = folder
        lines.append(f"  {PurePosixPath(path).name}")
    return "\n".join(lines)


def named_files(answer: str, known: Iterable[str], most: int) -> tuple[list[str], list[str]]:
    """The files that an answer names, in its order, and what looks like one and is none.

    A path may begin with `./`, `/testbed/` or lack its first folders, as long as only one file can be meant.
    """
    paths = set(known)
    ends: dict[str, list[str]] = {}
    for path in paths:
        ends.setdefault(PurePosixPath(path).name, []).append(path)
    found: list[str] = []
    unknown: list[str] = []
    for token in _TOKEN.findall(answer):
        plain = token.removeprefix("/testbed/").removeprefix("./").strip("/").rstrip(".")
        path = plain if plain in paths else None
        if path is None and plain:
            meant = [p for p in ends.get(PurePosixPath(plain).name, ()) if p.endswith(f"/{plain}")]
            path = meant[0] if len(meant) == 1 else None
        if path is None:
            if "/" in plain and "." in plain.rpartition("/")[2]:
                unknown.append(plain[:200])
        elif path not in found:
            found.append(path)
    return found[:most], list(dict.fromkeys(unknown))[:20]


def named_parts(answer: str, outlines: Mapping[str, Sequence[Part]]) -> dict[str, list[Part]]:
    """The parts of files that an answer names as `path: name`; a name without a path counts where one file has it."""
    found: dict[str, list[Part]] = {}
    for line in answer.splitlines():
        words = [word.rstrip(".") for word in _TOKEN.findall(line)]
        paths = [path for path in outlines if any(path == word or path.endswith(f"/{word}") for word in words)]
        for word in words:
            name = word.removesuffix("()")
            among = paths or list(outlines)
            meant = [(path, part) for path in among for part in outlines[path] if part.name == name]
            if not meant:
                meant = [(path, p) for path in among for p in outlines[path] if p.name.rpartition(".")[2] == name]
            if len(meant) == 1 or (meant and paths):
                for path, part in meant:
                    if part not in found.setdefault(path, []):
                        found[path].append(part)
    return found


def excerpt(text: str, parts: Sequence[Part], around: int = AROUND) -> str:
    """The lines of parts with some around them; what lies between is said to be left out."""
    lines = text.rstrip("\n").split("\n")
    wanted: set[int] = set()
    for part in parts:
        wanted |= set(range(max(1, part.first - around), min(len(lines), part.last + around) + 1))
    shown, last = [], 0
    for number in sorted(wanted):
        if number > last + 1:
            shown.append(f"[lines {last + 1} to {number - 1} are left out]")
        shown.append(lines[number - 1])
        last = number
    if last < len(lines):
        shown.append(f"[lines {last + 1} to {len(lines)} are left out]")
    return "\n".join(shown)
