"""A model's answer to changed files: SEARCH/REPLACE blocks, or a diff.

The lines of a block must stand in its file once, whole and one after the other. A block that is found twice or not at
all is a fault of the whole answer, never an edit at one of the places. White space may be overlooked by setting, and
is counted. Line ends are the file's own, whatever the answer has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from treadle.evaluate.swe.blocks import Block, blocks_of, has_blocks
from treadle.evaluate.swe.patches import PatchError, PatchFault, Rung, apply_to_files, wrong_path
from treadle.evaluate.swe.patches.answers import check_text
from treadle.evaluate.swe.patches.hunks import joined, put
from treadle.evaluate.swe.patches.locate import EXACT, INDENTS, LINE_ENDS, SPACES, Located
from treadle.evaluate.swe.patches.model import Line, split_lines

_STRICT = EXACT + LINE_ENDS
_TOLERANT = _STRICT + SPACES + tuple(level for level in INDENTS if level.rung is Rung.REINDENTED)


@dataclass(frozen=True)
class Edited:
    """What an answer makes of files.

    Args:
        files: Those that it changes, with their new text; `None` for one that is removed.
        fault: A value of `PatchFault`; empty where the edits were made.
        reason: One line about the fault, with the number of the block.
        tolerant: Blocks for which white space was overlooked.
        blocks: Their number.
        form: `blocks`, `diff`, or empty where the answer holds neither.
        rung: How a diff was applied, see `treadle.evaluate.swe.patches`.
    """

    files: dict[str, str | None] = field(default_factory=dict)
    fault: str = ""
    reason: str = ""
    tolerant: int = 0
    blocks: int = 0
    form: str = ""
    rung: str = ""


def apply_edits(
    files: Mapping[str, str],
    answer: str,
    whitespace: bool = False,
    allowed: Callable[[str], bool] | None = None,
) -> Edited:
    """Make the edits of an answer.

    Args:
        files: Text of each file by its path; read with `get` alone, so that a `TreeFiles` serves.
        answer: Of the model, without its thoughts.
        whitespace: Whether blocks are also found where lines differ in white space at their end, or are all shifted
            by the same white space; what is put there is shifted likewise.
        allowed: Which paths may be changed; all of the repository without it.
    """
    try:
        check_text(answer)
        if not has_blocks(answer):
            return _by_diff(files, answer, allowed)
    except PatchError as error:
        return Edited(fault=error.fault, reason=error.reason)
    number = 0
    try:
        blocks = blocks_of(answer, lambda path: not wrong_path(path) and files.get(path) is not None)
        number = len(blocks)
        return _by_blocks(files, blocks, whitespace, allowed)
    except PatchError as error:
        return Edited(fault=error.fault, reason=error.reason, form="blocks", blocks=number)


def _by_diff(files: Mapping[str, str], answer: str, allowed: Callable[[str], bool] | None) -> Edited:
    done = apply_to_files(files, answer, allowed)
    if done.fault == PatchFault.NO_DIFF:
        said = f"neither a SEARCH/REPLACE block nor a diff in an answer that begins with {answer.strip()[:60]!r}"
        return Edited(fault=PatchFault.NO_EDIT, reason=said)
    return Edited(done.files, done.fault, done.reason, form="diff", rung=done.rung)


def _by_blocks(
    files: Mapping[str, str], blocks: list[Block], whitespace: bool, allowed: Callable[[str], bool] | None
) -> Edited:
    now: dict[str, str] = {}
    tolerant = 0
    for block in blocks:
        try:
            if said := wrong_path(block.path):
                raise PatchError(PatchFault.OUTSIDE, said)
            if allowed and not allowed(block.path):
                raise PatchError(PatchFault.NOT_ALLOWED, "this file must not be changed")
            text = now[block.path] if block.path in now else files.get(block.path)
            now[block.path], rung = _edited(text, block, whitespace)
        except PatchError as error:
            raise PatchError(error.fault, f"{block.named}: {error.reason}") from None
        tolerant += rung in (Rung.TRAILING_SPACE, Rung.REINDENTED)
    changed: dict[str, str | None] = {path: text for path, text in now.items() if text != files.get(path)}
    if not changed:
        raise PatchError(PatchFault.NO_CHANGE, f"after {len(blocks)} blocks every file is as before")
    return Edited(changed, tolerant=tolerant, blocks=len(blocks), form="blocks")


def _edited(text: str | None, block: Block, whitespace: bool) -> tuple[str, Rung]:
    """The file's text after a block.

    Of several readings the one with most lines to look for: that the file has a line like the separator just there is
    no chance.
    """
    first: PatchError | None = None
    for search, replace in reversed(block.readings):
        try:
            return _replaced(text, search, replace, whitespace)
        except PatchError as error:
            first = error
    raise first or PatchError(PatchFault.MALFORMED, "no =======")


def _replaced(
    text: str | None, search: tuple[str, ...], replace: tuple[str, ...], whitespace: bool
) -> tuple[str, Rung]:
    new = [line + "\n" for line in replace]
    if not any(line.strip() for line in search):
        if text is not None and text.strip():
            raise PatchError(PatchFault.EXISTS, "an empty SEARCH makes a new file, but this one is there")
        return "".join(new), Rung.EXACT
    if text is None:
        raise PatchError(PatchFault.NO_FILE, "there is no such file; one that is made has an empty SEARCH")
    lines, wanted = split_lines(text), [Line("-", line) for line in search]
    located = Located(lines)
    try:
        place = located.find(wanted, None, _TOLERANT if whitespace else _STRICT)
    except PatchError as error:
        raise error if whitespace else _with_hint(located, wanted, error) from None
    end = place.at + len(wanted)
    found = lines[place.at : end]
    put_there = put(found, [*wanted, *(Line("+", line) for line in replace)], place)
    if put_there and not found[-1].endswith("\n"):
        put_there[-1] = put_there[-1].removesuffix("\n")
    return joined(lines[: place.at] + put_there + lines[end:]), place.rung


def _with_hint(located: Located, wanted: list[Line], error: PatchError) -> PatchError:
    """The fault, with where the lines stand but for white space, if that is one place."""
    if error.fault is not PatchFault.NOT_FOUND:
        return error
    try:
        at = located.find(wanted, None, _TOLERANT).at
    except PatchError:
        return error
    return PatchError(error.fault, f"its lines stand nowhere in the file; with other white space at line {at + 1}")
