"""What an agent's step does: the tool that it calls, and the file that it names.

A step is one of these, each read in the same way whether the expert or a model wrote it:

- a call: `<function=NAME>` with parameters (the form of `treadle.scoring.calls`), or the same as JSON, bare or between
  tags such as `<tool_call>`. The tool is its name.
- a command between lines of three backticks, between `<execute_bash>` tags, or bare, where steps are agents' steps. The
  tool is the program: the first one that is not `cd`, `export`, `source` or a wrapper such as `sudo` and `timeout`.

A call that runs a command (`bash`, `execute_bash` and their like) has its own name as tool and the program as its
command; an editor's command is `view`, `create` and so on. The file is the argument of a name such as `path`, else the
first argument of the command that looks like a path, taken from where `cd` leads. Of several calls or blocks the first
call and the last block count (`calls_in` gives all calls).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from treadle.scoring.calls import Call, calls_of

_LOOKED_AT = 20_000
"""Characters of a step that are looked at: what is called stands at its beginning."""
_FENCE = re.compile(r"^```([\w+-]*)[^\n`]*\n(.*?)\n?^```", re.DOTALL | re.MULTILINE)
_BASH = re.compile(r"<(execute_bash|bash)>(.*?)</\1>", re.DOTALL)
_TOKEN = re.compile(r"(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s;&|<>\"'\\]|[\"'])+|&&|\|\||>>?|<<?-?|[;&|\n]", re.DOTALL)
PATHS = (
    "path",
    "file_path",
    "filepath",
    "file",
    "filename",
    "file_name",
    "target_file",
    "notebook_path",
    "absolute_path",
    "directory",
    "dir",
)
_COMMANDS = ("command", "cmd", "code", "script", "input")
_SHELLS = ("bash", "shell", "terminal", "execute", "run", "cmd", "exec")
_BEFORE = ("cd", "export", "source", ".", "set", "pushd", "true")
_WRAPPERS = ("sudo", "env", "nohup", "time", "nice", "command", "exec")
_PATTERN_FIRST = ("grep", "egrep", "fgrep", "rg", "ag", "sed", "awk", "gawk", "perl", "search_dir", "search_file")
_OF_FILES = (
    *("ls", "cat", "head", "tail", "less", "more", "nl", "wc", "tree", "find", "cd", "rm", "mkdir", "rmdir", "touch"),
    *("cp", "mv", "open", "create", "stat", "file", "du", "diff", "chmod"),
)
_WRITERS = ("cat", "echo", "printf")
_CODE_OPTIONS = ("-c", "-e", "-name", "-iname", "-path", "-regex", "-type", "--include", "--exclude", "-m", "-k")
_ENDS = ("&&", "||", ";", "|", "&", "\n")
_WORD = re.compile(r"\s*[\w-]{1,40}\s*")
_PLAIN = re.compile(r"[\w./@%+~:,=-]+")
_FILE = re.compile(r".*\w\.[A-Za-z]\w{0,7}")
_OF_SHELL = ("bash", "sh", "shell", "zsh", "console", "mswea_bash_command")
_OF_PYTHON = ("python", "py", "python3", "ipython")


class Called(NamedTuple):
    """What a step calls.

    Args:
        tool: Name of the function, or the program of a command.
        command: Of a call that runs a command the program, of an editor what it is told to do; else empty.
        path: The file or folder that it names, `None` for none.
        text: The step without fences and tags around it.
    """

    tool: str
    command: str
    path: str | None
    text: str


def called(action: str, bare: bool = True) -> Called | None:
    """What a step calls; `None` where it is neither a call nor a command.

    Args:
        bare: Whether a text without fences and tags is a command; without, a block counts only with a shell's label.
    """
    text = action[:_LOOKED_AT].strip()
    if (call := next(calls_of(text), None)) is not None:
        return _of_call(call.name, dict(call.arguments), call.text if len(action) <= _LOOKED_AT else action.strip())
    return _in_block(text, action.strip(), bare)


def same(model: Called | None, expert: Called) -> bool:
    """Whether two steps are the same action: the same tool, and the same text within fences and tags."""
    return model is not None and (model.tool, model.text.strip()) == (expert.tool, expert.text.strip())


def calls_in(action: str, bare: bool = True) -> list[Call]:
    """All calls of a step; a command is one with the program as name and, without a key, its text as argument."""
    text = action.strip()
    found = list(calls_of(text))
    if found or (command := _in_block(text[:_LOOKED_AT], text, bare)) is None:
        return found
    return [Call(command.tool, (("", command.text),), command.text)]


def described(call: Call) -> Called:
    """What one call of `calls_in` calls."""
    if call.is_command:
        command = _of_command(call.text)
        return command if command and command.tool == call.name else Called(call.name, "", None, call.text)
    return _of_call(call.name, dict(call.arguments), call.text)


def named_keys(call: Call) -> set[str]:
    """The keys of a call's arguments that `described` has the file, and an editor's command, from."""
    arguments = dict(call.arguments)
    if call.is_command or _runs(call.name, arguments):
        return set()
    file = next((key for key in PATHS if arguments.get(key, "").strip()), None)
    command = next((key for key in _COMMANDS if arguments.get(key, "").strip()), None)
    return {key for key in (file, command if command and _WORD.fullmatch(arguments[command]) else None) if key}


def _in_block(text: str, whole: str, bare: bool) -> Called | None:
    """What a step without calls calls: the command of its last block, or all of it where it is bare."""
    if blocks := [block for block in _FENCE.findall(text) if bare or block[0].lower() in _OF_SHELL]:
        label, body = blocks[-1]
        if label.lower() in _OF_PYTHON:
            return Called("python", "", None, body.strip())
        return _of_command(body)
    if blocks := _BASH.findall(text):
        return _of_command(blocks[-1][1])
    return _of_command(text, whole) if bare else None


def _of_call(name: str, arguments: Mapping[str, str], text: str) -> Called:
    path = next((arguments[key].strip() for key in PATHS if arguments.get(key, "").strip()), None)
    command = next((arguments[key] for key in _COMMANDS if arguments.get(key, "").strip()), "")
    if _runs(name, arguments):
        inner = _of_command(command)
        return Called(name, inner.tool if inner else "", inner.path if inner else None, text)
    short = command.strip() if _WORD.fullmatch(command) else ""
    return Called(name, short, _normal(path) if path else None, text)


def _runs(name: str, arguments: Mapping[str, str]) -> bool:
    """Whether a call runs a command, which names the file then."""
    if any(arguments.get(key, "").strip() for key in PATHS):
        return False
    has_command = any(arguments.get(key, "").strip() for key in _COMMANDS)
    return has_command and "python" not in name.lower() and any(part in name.lower() for part in _SHELLS)


def _of_command(text: str, whole: str | None = None) -> Called | None:
    folder, first = "", None
    for words in _commands(text.strip()):
        program, arguments = _program(words)
        if not program:
            continue
        first = first or (program, arguments)
        if program not in _BEFORE:
            path = _path(program, arguments)
            return Called(program, "", _normal(posixpath.join(folder, path)) if path else None, whole or text.strip())
        if program == "cd" and arguments:
            folder = posixpath.join(folder, arguments[0])
    if first is None:
        return None
    return Called(first[0], "", _normal(folder) if folder else None, whole or text.strip())


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a line or a script, up to the first here-document."""
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in ("<<", "<<-"):
            break
        if token in _ENDS:
            yield words
            words = []
        else:
            words.append(token)
    yield words


def _program(words: list[str]) -> tuple[str, list[str]]:
    """A command's program without its folder, and its arguments without quotes."""
    left = list(words)
    while left:
        word = left.pop(0)
        if re.match(r"[A-Za-z_]\w*=", word) or word in _WRAPPERS or word.startswith("#"):
            continue
        if word == "timeout":
            left = left[next((i + 1 for i, w in enumerate(left) if not w.startswith("-")), len(left)) :]
            continue
        return word.strip("\"'").rpartition("/")[2] or word, [_unquoted(argument) for argument in left]
    return "", []


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def _path(program: str, arguments: list[str]) -> str | None:
    """The first argument that looks like a path and is no pattern, option or code; of `cat > FILE` that file."""
    if program in _WRITERS:
        for sign, argument in pairwise(arguments):
            if sign in (">", ">>") and argument != "/dev/null":
                return argument
    skip = program in _PATTERN_FIRST and not {"-e", "-f"} & set(arguments)
    previous = ""
    for argument in arguments:
        before, previous = previous, argument
        if argument.startswith("-") or before in _CODE_OPTIONS or argument in ("<", ">", ">>"):
            continue
        if skip:
            skip = False
        elif _looks_like_a_path(argument, program in _OF_FILES):
            return argument
    return None


def _looks_like_a_path(argument: str, of_files: bool) -> bool:
    """Whether an argument may be a path; of a program that takes files alone, any plain word is one."""
    if not _PLAIN.fullmatch(argument) or "://" in argument or argument.isdecimal():
        return False
    return of_files or "/" in argument or _FILE.fullmatch(argument) is not None


def _normal(path: str) -> str:
    return posixpath.normpath(path.strip())
