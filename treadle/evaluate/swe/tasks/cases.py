"""What an expert of a made task works on: the bug, the function around it, the tests that tell it."""

from __future__ import annotations

import ast
import builtins
import random
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from treadle.evaluate.swe.agent.prompts import MOUNT
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.tasks.mends import Mend

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SETTINGS = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_LONGEST_SCRIPT = 20


@dataclass(frozen=True)
class Case:
    """A task with its bug known.

    Args:
        root: The checkout with the bug in it.
        source: The text of the file that holds the bug.
        mend: The edit that takes the bug out, with as many lines around as the expert gives.
        chance: Chooses, by the task alone.
    """

    instance: SweInstance
    root: Path
    source: str
    mend: Mend
    chance: random.Random

    @property
    def path(self) -> str:
        """The file as the agent names it."""
        return f"{MOUNT}/{self.mend.file}"

    @property
    def function(self) -> str:
        """`name` or `Class.name`."""
        return str(self.instance.meta.get("function", ""))

    @property
    def owner(self) -> str:
        """Its class; empty where it has none."""
        return self.function.rpartition(".")[0]

    @property
    def name(self) -> str:
        return self.function.rpartition(".")[2]

    @cached_property
    def span(self) -> tuple[int, int]:
        """First and last line of the function; of the whole file where it is not found."""
        for node in ast.walk(ast.parse(self.source)):
            if isinstance(node, _FUNCTIONS) and node.name == self.name:
                last = node.end_lineno or node.lineno
                if node.lineno <= self.mend.line <= last + 1:
                    return node.lineno, last
        return 1, self.lines

    @cached_property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self.source.splitlines())

    @cached_property
    def others(self) -> list[str]:
        """Other modules of the package, without its tests, by name."""
        folder = (self.root / self.mend.file).parent
        found = sorted(file.name for file in folder.glob("*.py") if "test" not in file.name)
        place = self.mend.file.rpartition("/")[0]
        return [f"{place}/{name}".lstrip("/") for name in found if f"{place}/{name}".lstrip("/") != self.mend.file]

    @property
    def test(self) -> str:
        """The test that the expert looks at: the first that fails."""
        return self.instance.fail_to_pass[0]

    @property
    def test_file(self) -> str:
        return self.test.split("::")[0]

    @property
    def test_name(self) -> str:
        """Its function, without parameters."""
        return self.test.split("::")[-1].partition("[")[0]

    @cached_property
    def runner(self) -> str:
        """How pytest is called: options that a package adds to every run may need plugins that are not there."""
        files = [self.root / name for name in _SETTINGS if (self.root / name).is_file()]
        adds = any("addopts" in file.read_text(encoding="utf-8", errors="replace") for file in files)
        return "python -m pytest -o addopts= -q" if adds else "python -m pytest -q"

    @cached_property
    def test_span(self) -> tuple[int, int] | None:
        """First and last line of that test in its file."""
        node = self._test_node
        return (node.lineno, node.end_lineno or node.lineno) if node else None

    @cached_property
    def script(self) -> str | None:
        """A script that does what the test does, where its lines need nothing but the file's imports."""
        node = self._test_node
        if node is None or "::" not in self.test or self.test.count("::") > 1 or node.args.args or node.decorator_list:
            return None
        tree = ast.parse(self._test_text)
        imports = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
        if any(isinstance(each, ast.ImportFrom) and each.level for each in imports):
            return None
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        stored = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        inner = {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
        inner |= {each.name for each in ast.walk(node) if isinstance(each, _FUNCTIONS) and each is not node}
        given = {alias.asname or alias.name.split(".")[0] for each in imports for alias in each.names}
        if used - stored - inner - given - set(dir(builtins)):
            return None
        needed = [each for each in imports if {a.asname or a.name.split(".")[0] for a in each.names} & used]
        body = [
            each for each in node.body if not isinstance(each, ast.Expr) or not isinstance(each.value, ast.Constant)
        ]
        text = "\n".join(ast.unparse(each) for each in [*needed, *body, *ast.parse("print('as expected')").body])
        return text if text.count("\n") < _LONGEST_SCRIPT else None

    @cached_property
    def _test_text(self) -> str:
        try:
            return (self.root / self.test_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    @cached_property
    def _test_node(self) -> ast.FunctionDef | None:
        try:
            tree = ast.parse(self._test_text)
        except (SyntaxError, ValueError):
            return None
        named = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == self.test_name)
        return next(named, None)


def failure_in(observation: str) -> str:
    """The first line with which pytest or Python says what was wrong; empty where none does."""
    for line in observation.splitlines():
        found = re.match(r"E\s+(\S.*)", line) or re.match(r"((?:\w+\.)*\w*(?:Error|Exception|Failed)\b.*)", line)
        if found and "Use -v" not in line:
            return found[1].strip()
    return ""


def frame_in(observation: str, file: str) -> int | None:
    """The line of a file that the last traceback of an observation goes through."""
    short = re.findall(rf"(?:^|/){re.escape(file)}:(\d+): ", observation, re.MULTILINE)
    long = re.findall(rf"{re.escape(file)}\", line (\d+)", observation)
    found = [*short, *long]
    return int(found[-1]) if found else None


def passes(observation: str) -> bool:
    """Whether pytest's last line says that tests passed and none did not."""
    last = observation.rstrip().rpartition("\n")[2]
    return " passed" in last and " failed" not in last and " error" not in last
