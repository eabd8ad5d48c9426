"""The tool `str_replace_editor`: view, create, str_replace, insert and undo_edit, answering as trajectories have it.

Its messages are those of the editor that SWE-smith's trajectories were made with, so that a model reads what it was
trained on. A file is shown as `cat -n` shows it, one line more than it has where it ends in a line break.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from treadle.evaluate.swe.agent.places import inside, read_text, write_text

COMMANDS = ("view", "create", "str_replace", "insert", "undo_edit")
SNIPPET_LINES = 4
"""Shown before and after an edit."""
MOST_SHOWN = 16_000
"""Characters of a file that are shown."""
_CLIPPED = (
    "<response clipped><NOTE>To save on context only part of this file has been shown to you. You should retry this "
    "tool after you have searched inside the file with `grep -n` in order to find the line numbers of what you are "
    "looking for.</NOTE>"
)
_REVIEW = "Review the changes and make sure they are as expected"


class EditorFault(Exception):
    """A call that cannot be carried out; the message is for the model."""


class Editor:
    """The editor of one episode.

    Args:
        root: The checkout.
        mount: What the agent calls it.
    """

    def __init__(self, root: Path, mount: str) -> None:
        self.root, self.mount = Path(os.path.realpath(root)), mount
        self._history: dict[Path, list[str | None]] = {}

    def __call__(self, arguments: Mapping[str, str]) -> str:
        """Carry out a call.

        Args:
            arguments: Texts, as the call has them; numbers and lists of numbers are read here.

        Returns:
            The observation.
        """
        try:
            return self._act(arguments)
        except EditorFault as fault:
            return str(fault)
        except OSError as error:
            return f"Ran into {error.strerror or 'an error'} while trying to use {arguments.get('path')}"

    def _act(self, arguments: Mapping[str, str]) -> str:
        command = _required(arguments, "command", "str_replace_editor")
        if command not in COMMANDS:
            raise EditorFault(
                f"Unrecognized command {command[:80]}. The allowed commands for the str_replace_editor tool are: "
                f"{', '.join(COMMANDS)}"
            )
        shown = _required(arguments, "path", command).strip()
        path = self._place(command, shown)
        if command == "view":
            return self._view(path, shown, arguments.get("view_range"))
        if command == "create":
            self._write(path, _required(arguments, "file_text", command), None)
            return f"File created successfully at: {shown}"
        if command == "undo_edit":
            return self._undo(path, shown)
        text = self._text(path, shown)
        if command == "insert":
            return self._insert(path, text, arguments)
        old, new = _required(arguments, "old_str", command), arguments.get("new_str", "")
        return self._replace(path, shown, text, old, new)

    def _place(self, command: str, shown: str) -> Path:
        if not shown.startswith("/"):
            raise EditorFault(
                f"The path {shown} is not an absolute path, it should start with `/`. Maybe you meant "
                f"{self.mount}/{shown.removeprefix('./')}?"
            )
        path = inside(self.root, shown, self.mount)
        if path is None:
            raise EditorFault(f"The path {shown} is outside of {self.mount}: this tool works on files in it only.")
        if command == "create":
            if path.exists():
                raise EditorFault(f"File already exists at: {shown}. Cannot overwrite files using command `create`.")
            return path
        if not path.exists() and not self._history.get(path):
            raise EditorFault(f"The path {shown} does not exist. Please provide a valid path.")
        if path.is_dir() and command != "view":
            raise EditorFault(f"The path {shown} is a directory and only the `view` command can be used on directories")
        return path

    def _text(self, path: Path, shown: str) -> str:
        text = read_text(path)
        if text is None:
            raise EditorFault(f"The file {shown} is not a text file, or it is too large for this tool.")
        return text

    def _view(self, path: Path, shown: str, given: str | None) -> str:
        if path.is_dir():
            if given:
                raise EditorFault("The `view_range` parameter is not allowed when `path` points to a directory.")
            listed = "\n".join(_listed(path, shown))
            return f"Here's the files and directories up to 2 levels deep in {shown}, excluding hidden items:\n{listed}"
        text = self._text(path, shown)
        if not given:
            return numbered(text, shown)
        lines = text.split("\n")
        first, last = _range(given, len(lines))
        return numbered("\n".join(lines[first - 1 : last]), shown, first)

    def _replace(self, path: Path, shown: str, text: str, old: str, new: str) -> str:
        if not old:
            raise EditorFault("Parameter `old_str` is empty: it should hold the lines that are to be replaced")
        count = text.count(old)
        if not count:
            raise EditorFault(f"No replacement was performed, old_str `{old}` did not appear verbatim in {shown}.")
        if count > 1:
            lines = [number for number, line in enumerate(text.split("\n"), 1) if old.split("\n")[0] in line]
            raise EditorFault(
                f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines {lines[:50]}. Please "
                "ensure it is unique"
            )
        if old == new:
            raise EditorFault(f"No replacement was performed, old_str `{old}` is the same as new_str `{new}`.")
        before = text[: text.index(old)].count("\n")
        changed = text.replace(old, new)
        self._write(path, changed, text)
        lines = changed.split("\n")
        first = max(1, before - SNIPPET_LINES)
        last = min(before + SNIPPET_LINES + new.count("\n"), len(changed.splitlines()))
        snippet = numbered("\n".join(lines[first - 1 : last]), f"a snippet of {shown}", first)
        return f"The file {shown} has been edited. {snippet}{_REVIEW}. Edit the file again if necessary."

    def _insert(self, path: Path, text: str, arguments: Mapping[str, str]) -> str:
        shown, new = arguments["path"].strip(), _required(arguments, "new_str", "insert")
        lines, at = text.split("\n"), _number(_required(arguments, "insert_line", "insert"))
        if at is None or not 0 <= at <= len(lines):
            raise EditorFault(
                f"Invalid `insert_line` parameter: {arguments['insert_line'][:80]}. It should be within the range of "
                f"lines of the file: {[0, len(lines)]}"
            )
        inserted = new.split("\n")
        self._write(path, "\n".join([*lines[:at], *inserted, *lines[at:]]), text)
        around = [*lines[max(0, at - SNIPPET_LINES) : at], *inserted, *lines[at : at + SNIPPET_LINES]]
        snippet = numbered("\n".join(around), "a snippet of the edited file", max(1, at - SNIPPET_LINES + 1))
        how = "(correct indentation, no duplicate lines, etc)"
        return f"The file {shown} has been edited. {snippet}{_REVIEW} {how}. Edit the file again if necessary."

    def _undo(self, path: Path, shown: str) -> str:
        history = self._history.get(path)
        if not history:
            raise EditorFault(f"No edit history found for {shown}.")
        text = history.pop()
        if text is None:
            path.unlink(missing_ok=True)
            return f"Last edit to {shown} undone successfully. The file does not exist any more."
        write_text(self.root, path, text)
        return f"Last edit to {shown} undone successfully. {numbered(text, shown)}"

    def _write(self, path: Path, text: str, was: str | None) -> None:
        write_text(self.root, path, text)
        self._history.setdefault(path, []).append(was)


def numbered(text: str, shown: str, first: int = 1) -> str:
    """A text with the numbers of its lines, as the editor shows it."""
    text = text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + _CLIPPED
    lines = text.expandtabs().split("\n")
    body = "\n".join(f"{number:6}\t{line}" for number, line in enumerate(lines, first))
    return f"Here's the result of running `cat -n` on {shown}:\n{body}\n"


def _listed(folder: Path, shown: str, depth: int = 2) -> list[str]:
    """A folder and what is in it, each folder before its entries; hidden entries are left out."""
    found = [shown]
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not entry.name.startswith("."):
            inner = f"{shown.rstrip('/')}/{entry.name}"
            deeper = depth > 1 and entry.is_dir(follow_symlinks=False)
            found += _listed(Path(entry.path), inner, depth - 1) if deeper else [inner]
    return found


def _required(arguments: Mapping[str, str], name: str, command: str) -> str:
    if name not in arguments or (name in ("command", "path") and not arguments[name].strip()):
        raise EditorFault(f"Parameter `{name}` is required for command: {command}")
    return arguments[name].strip() if name == "command" else arguments[name]


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 12 else None


def _range(given: str, count: int) -> tuple[int, int]:
    """First and last line of a `view_range`, from 1; the last is brought down to the end of the file."""
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != 2 or any(type(number) is not int for number in found):
        raise EditorFault("Invalid `view_range`. It should be a list of two integers.")
    first, last = found
    if not 1 <= first <= count:
        raise EditorFault(
            f"Invalid `view_range`: {found}. Its first element `{first}` should be within the range of lines of the "
            f"file: {[1, count]}"
        )
    last = count if last == -1 else min(last, count)
    if last < first:
        raise EditorFault(
            f"Invalid `view_range`: {found}. Its second element `{found[1]}` should be larger or equal than its first "
            f"`{first}`"
        )
    return first, last
