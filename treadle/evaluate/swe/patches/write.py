"""Patches as git writes them: of two versions of files, and the reverse of a patch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from treadle.errors import DataError
from treadle.evaluate.swe.patches.faults import PatchError
from treadle.evaluate.swe.patches.model import NOWHERE, FilePatch, Hunk, Line, split_lines
from treadle.evaluate.swe.patches.names import quoted, wrong_path
from treadle.evaluate.swe.patches.parse import parse_patch

_CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file"


def diff_of(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> str:
    """A unified diff that `git apply` takes, from one version of files to another; empty where nothing changed.

    Args:
        before, after: Text of each file by its path; `None`, or no entry, where there is no such file. A file that
            only `before` names is removed.

    Raises:
        DataError: A text holds characters of code 0 or a path leads out of the repository.
    """
    parts = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        if said := wrong_path(path):
            raise DataError(f"{path[:200]!r}: {said}")
        if "\0" in (old or "") or "\0" in (new or ""):
            raise DataError(f"{path}: holds characters of code 0, as only files have that are no text; leave it out")
        parts.append(_file(path, old, new))
    # Removed files come first: a folder may take the name of one.
    return "".join(sorted(parts, key=lambda part: "\ndeleted file mode " not in part.split("\n@@", 1)[0]))


def _file(path: str, old: str | None, new: str | None) -> str:
    names = (NOWHERE if old is None else f"a/{path}", NOWHERE if new is None else f"b/{path}")
    modes = ("100644" if new is None else "", "100644" if old is None else "")
    hunks = _hunks(split_lines(old or ""), split_lines(new or ""))
    return _written(FilePatch(*names, tuple(hunks), 0, *modes), path)


def _hunks(old: list[str], new: list[str]) -> list[Hunk]:
    hunks = []
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT):
        lines: list[Line] = []
        for kind, i, i_end, j, j_end in group:
            if kind == "equal":
                lines += [_line(" ", text) for text in old[i:i_end]]
            else:
                lines += [_line("-", text) for text in old[i:i_end]] + [_line("+", text) for text in new[j:j_end]]
        first = group[0][1]
        hunks.append(Hunk(first + any(line.tag != "+" for line in lines), tuple(lines), 0))
    return hunks


def _line(tag: str, text: str) -> Line:
    return Line(tag, text.removesuffix("\n"), newline=text.endswith("\n"))


def reverse_patch(text: str) -> str:
    """The patch that takes a patch back.

    Raises:
        DataError: It is none that can be read, or one hunk does not say where it stands.
    """
    try:
        patch = parse_patch(text)
    except PatchError as error:
        raise DataError(f"a patch that cannot be reversed: {error.reason}") from None
    parts = []
    for file in patch.files:
        if any(hunk.start is None for hunk in file.hunks):
            raise DataError(
                f"a patch that cannot be reversed: a hunk of {file.new[:100]!r} does not say where it stands"
            )
        if file.kept:
            raise DataError(f"a patch that cannot be reversed: it copies {file.old[:100]!r}")
        parts.append(_written(_reversed(file)))
    return "".join(reversed(parts))


def _reversed(file: FilePatch) -> FilePatch:
    old, new = (_prefixed(name, prefix) for name, prefix in ((file.new, "a/"), (file.old, "b/")))
    hunks, shift = [], 0
    for hunk in file.hunks:
        more = len(hunk.new) - len(hunk.old)
        # Where a side has no lines its number is that of the line before.
        first = hunk.start + shift + (not hunk.old) - (not hunk.new)
        hunks.append(Hunk(first, tuple(_removed_first(hunk.lines)), 0, hunk.section))
        shift += more
    return FilePatch(old, new, tuple(hunks), 0, file.new_mode, file.old_mode, moved=file.moved)


def _prefixed(name: str, prefix: str) -> str:
    if name == NOWHERE:
        return name
    return prefix + (name[2:] if name.startswith(("a/", "b/")) else name)


def _removed_first(lines: tuple[Line, ...]) -> list[Line]:
    """Lines with their tags exchanged, and in each run of changes what is removed before what is added."""
    swapped: list[Line] = []
    added: list[Line] = []
    for line in lines:
        if line.tag == "-":
            added.append(Line("+", line.text, line.newline))
        elif line.tag == "+":
            swapped.append(Line("-", line.text, line.newline))
        else:
            swapped += [*added, line]
            added = []
    return swapped + added


def _written(file: FilePatch, path: str = "") -> str:
    old, new = (path or _bare(file, 0)), (path or _bare(file, 1))
    head = [f"diff --git {quoted(f'a/{old}')} {quoted(f'b/{new}')}"]
    if file.old == NOWHERE:
        head.append(f"new file mode {file.new_mode or '100644'}")
    elif file.new == NOWHERE:
        head.append(f"deleted file mode {file.old_mode or '100644'}")
    elif file.old_mode or file.new_mode:
        head += [f"old mode {file.old_mode}", f"new mode {file.new_mode}"]
    if file.moved:
        head += [f"rename from {quoted(old)}", f"rename to {quoted(new)}"]
    if file.hunks:
        head += [f"--- {_named(file.old)}", f"+++ {_named(file.new)}"]
    return "\n".join(head) + "\n" + "".join(map(str, _bodies(file.hunks)))


def _bare(file: FilePatch, side: int) -> str:
    name = (file.old, file.new)[side]
    return (file.new if side == 0 else file.old)[2:] if name == NOWHERE else name[2:]


def _named(name: str) -> str:
    """A name as it stands behind --- and +++: git ends one that holds a space with a tab."""
    written = quoted(name)
    return f"{written}\t" if " " in written and not written.startswith('"') else written


def _bodies(hunks: tuple[Hunk, ...]) -> list[str]:
    texts, shift = [], 0
    for hunk in hunks:
        old, new = len(hunk.old), len(hunk.new)
        first = hunk.start + shift + (not old) - (not new)
        rows = [f"@@ -{_range(hunk.start, old)} +{_range(first, new)} @@{hunk.section}"]
        for line in hunk.lines:
            rows.append(line.tag + line.text)
            if not line.newline:
                rows.append(_NO_NEWLINE)
        texts.append("\n".join(rows) + "\n")
        shift += new - old
    return texts


def _range(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first},{count}"
