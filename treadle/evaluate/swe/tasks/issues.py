"""The issue text of a made task: what goes wrong, told from a test that fails, never what was changed.

What a text may draw on is the public name of the function, the source of the failing test up to where it fails, the
error that a user would see, and how many tests fail. Tracebacks within the package are left out: they show its source.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from textwrap import dedent

from treadle.evaluate.swe.wording import worded

_FRAME = re.compile(r"^(\S.*?\.py):(\d+): ", re.MULTILINE)
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
_NOT_RAISED = re.compile(r"DID NOT RAISE (?:any of )?<?(?:class ')?([\w.]+)|: (\w+) not raised")
_ERROR = re.compile(r"([A-Za-z_][\w.]*)(?:: |$)")
_MOST_LINES, _MOST_MESSAGE = 20, 600
_WORDINGS = 2


@dataclass(frozen=True)
class Symptom:
    """How a bug shows itself.

    Args:
        test: Id of a test that fails.
        example: The test's source up to the statement that fails.
        error: Name of the exception, such as `AssertionError`.
        message: What it says.
        expected: Name of the exception that did not come, where that is what fails.
    """

    test: str
    example: str
    error: str
    message: str
    expected: str = ""

    @property
    def kind(self) -> str:
        """`silent`: an error is missing; `value`: a result is wrong; `error`: an error came."""
        if self.expected:
            return "silent"
        return "value" if self.error == "AssertionError" else "error"


def symptom_of(test: str, failure: tuple[str, str], root: Path) -> Symptom:
    """How a test fails.

    Args:
        failure: pytest's message, and its account with short tracebacks.
        root: The tree in which the tests lie.
    """
    message, account = failure
    message = _ADDRESS.sub("0x...", message.strip())
    error = found[1].rpartition(".")[2] if (found := _ERROR.match(message)) else "AssertionError"
    missing = _NOT_RAISED.search(message)
    said = message.split(": ", 1)[1] if ": " in message.split("\n")[0] else message
    name = test.split("::")[-1].partition("[")[0]
    return Symptom(test, _example(account, name, root), error, _short(said), _last_part(missing) if missing else "")


def _last_part(found: re.Match[str]) -> str:
    return (found[1] or found[2]).rpartition(".")[2]


def _short(text: str) -> str:
    lines = [line.rstrip() for line in text.split("\n")][:_MOST_LINES]
    kept = "\n".join(line for line in lines if not line.lstrip().startswith("Use -v")).strip()
    return kept if len(kept) <= _MOST_MESSAGE else f"{kept[:_MOST_MESSAGE]}..."


def _example(account: str, name: str, root: Path) -> str:
    """The source of the test function up to where it fails; the failing statement alone where that is long."""
    for file, line in reversed(_FRAME.findall(account)):
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts or not re.search(r"test", file):
            continue
        try:
            text = (root / path).read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        if example := _up_to(tree, text.split("\n"), name, int(line)):
            return example
    return ""


def _up_to(tree: ast.Module, lines: Sequence[str], name: str, line: int) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name and node.lineno <= line <= (node.end_lineno or 0):
            statement = next(each for each in node.body if line <= (each.end_lineno or 0))
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(node.body) > 1:
                first = node.body[1]
            last = _end(statement, line)
            whole = lines[first.lineno - 1 : last]
            if len(whole) > _MOST_LINES:
                whole = lines[statement.lineno - 1 : last][-_MOST_LINES:]
            return dedent("\n".join(whole)).strip("\n")
    return ""


def _end(statement: ast.stmt, line: int) -> int:
    """The last line of the innermost statement on a line."""
    inner = [each for each in ast.walk(statement) if isinstance(each, ast.stmt) and each.lineno <= line]
    around = [each.end_lineno or line for each in inner if (each.end_lineno or 0) >= line]
    return min(around, default=line)


def public_name(file: str, function: str, paths: Sequence[str]) -> str:
    """`package.module.Class.method` of a function, where users may call it so; empty where a part is private."""
    path = PurePosixPath(file)
    for each in paths:
        path = path.relative_to(each) if each != "." and path.is_relative_to(each) else path
    module = path.parent if path.name == "__init__.py" else path.with_suffix("")
    parts = [*module.parts, *function.split(".")]
    private = any(part.startswith("_") and not (part.startswith("__") and part.endswith("__")) for part in parts)
    return "" if private else ".".join(parts)


def in_words(test: str) -> str:
    """What a test is about: `tests/test_cache.py::CacheTest::test_getsizeof_subclass` is `getsizeof subclass`."""
    name = test.split("::")[-1].partition("[")[0]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", " ", name.removeprefix("test")).strip().lower()
    return words or PurePosixPath(test.split("::")[0]).stem.removeprefix("test_")


def issue_text(symptom: Symptom, package: str, version: str, name: str, failing: Sequence[str], key: str) -> str:
    """The issue.

    Args:
        name: Public name of the function, see `public_name`.
        failing: Ids of all tests that fail.
        key: Chooses the wording.
    """
    wording = hashlib.sha256(key.encode()).digest()[0] % _WORDINGS + 1
    others = sorted({in_words(test) for test in failing} - {in_words(symptom.test)})[:5]
    values: dict[str, object] = {
        **asdict(symptom),
        "package": package,
        "version": version,
        "subject": f"`{name}`" if name else f"{package} ({in_words(symptom.test)})",
        "about": in_words(symptom.test),
        "others": others,
        "count": len(failing),
    }
    return worded(f"tasks/issue_{symptom.kind}_{wording}.j2", **values).strip() + "\n"
