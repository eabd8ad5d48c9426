"""An expert for made tasks: it finds the place, runs the failing test, mends the bug, runs the test again and submits.

The expert is a program that knows the bug. What it does is carried out by the tools of the `agent` mode in the
sandbox, so that its observations are real, and is written as the messages of SWE-smith's trajectories: `treadle
prepare` reads the file as it reads those, and a model trained on it meets the same tools and texts when it acts itself.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import DataError, OutputError
from treadle.evaluate.store import Journal
from treadle.evaluate.swe.agent.prompts import MOUNT, Call, call_text, parse_call, system_text, task_text
from treadle.evaluate.swe.agent.tools import Tools
from treadle.evaluate.swe.checkouts import checkout
from treadle.evaluate.swe.environments import Environment, lay_over
from treadle.evaluate.swe.patches import apply_to_files
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.sandbox import Limits, Sandbox
from treadle.evaluate.swe.tasks.reasons import reason_of
from treadle.evaluate.swe.wording import counted
from treadle.files.locks import alone
from treadle.files.whole import writing

MODEL = "treadle-expert"
_LIMITS = Limits(seconds=120, memory_mb=4096, processes=256)
_SETTINGS = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_SHOWN_BEFORE, _SHOWN_AFTER = 15, 15
_MOST_TESTS = 3

_RUNS = (7, 11)
"""Where the messages have what the tests say, before and after."""

Message = dict[str, str]
Environments = Callable[[SweInstance], Environment]
"""Gives the environment of a task."""


@dataclass(frozen=True)
class Written:
    """What became of the trajectories.

    Args:
        count: How many the file holds.
        left_out: Ids of the tasks that have none, with the reason.
    """

    count: int
    left_out: dict[str, str]


@dataclass(frozen=True)
class _Mend:
    """The gold patch as one call of `str_replace`: text that stands once in the file, and what takes its place."""

    file: str
    line: int
    old: str
    new: str


def write_trajectories(
    instances: Sequence[SweInstance],
    file: Path,
    environments: Environments,
    *,
    unsafe_local: bool = False,
    overwrite: bool = False,
    said: Callable[[str], None] = print,
) -> Written:
    """Write an expert's trajectory for each made task, a line each; those that the file has already are kept.

    Those of tasks that are held out go to a file beside it, see `held_out_file`, lest somebody trains on them.

    Args:
        environments: Gives the environment of a task.
        unsafe_local: Run the tools without a sandbox where none can be had.
        overwrite: Write the files anew.
        said: Told how it goes, a line for each file.

    Raises:
        DataError: A task was not made by treadle.
        OutputError: A file holds something else, or cannot be written.
        SandboxError: There is no sandbox.
    """
    parts = {file: [each for each in instances if each.meta.get("split") != "test"]}
    parts[held_out_file(file)] = [each for each in instances if each.meta.get("split") == "test"]
    left_out: dict[str, str] = {}
    count = 0
    for place, some in parts.items():
        if some:
            written = _write(some, place, environments, unsafe_local, overwrite)
            more = f", {counted(len(written.left_out), 'task')} without one" if written.left_out else ""
            said(f"{written.count:,} {'trajectory' if written.count == 1 else 'trajectories'} in {place}{more}")
            count += written.count
            left_out |= written.left_out
    return Written(count, left_out)


def held_out_file(file: Path) -> Path:
    """Where the trajectories of tasks for testing lie: `experts.test.jsonl` beside `experts.jsonl`."""
    return file.with_name(f"{file.stem}.test{file.suffix}")


def _write(
    instances: Sequence[SweInstance], file: Path, environments: Environments, unsafe_local: bool, overwrite: bool
) -> Written:
    known = {instance.instance_id for instance in instances}
    left_out: dict[str, str] = {}
    with alone(file):
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            if overwrite:
                file.unlink(missing_ok=True)
        journal = Journal(file)
        try:
            have = {str(row.get("instance_id")) for row in journal}
            if others := sorted(have - known):
                raise OutputError(
                    f"{file}: holds a trajectory of another set ({others[0][:80]}); choose another file, or replace it "
                    "with --overwrite"
                )
            for instance in instances:
                if instance.instance_id in have:
                    continue
                row = expert_row(instance, environments(instance), unsafe_local)
                if isinstance(row, str):
                    left_out[instance.instance_id] = row
                else:
                    journal.append(row)
                    have.add(instance.instance_id)
        finally:
            journal.close()
    return Written(len(have), left_out)


def expert_row(instance: SweInstance, environment: Environment, unsafe_local: bool = False) -> dict[str, Any] | str:
    """The row of a task: messages as SWE-smith's trajectories have them, or why there is none, in a line."""
    if not instance.of_release:
        raise DataError(f"{instance.instance_id}: no made task; experts are made for the tasks of `treadle swe tasks`")
    with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
        root = checkout(instance, Path(folder) / "tree")
        lay_over(environment, root)
        before = {path: _text(root / path) for path in _touched(instance, root)}
        gold = apply_to_files(before, instance.patch)
        if gold.fault:
            return f"its gold patch does not apply: {gold.reason}"
        mend = _mend(before, gold.files)
        if mend is None:
            return "its bug is not in one place of one file of texts"
        sandbox = Sandbox(root, python=environment.python, limits=_LIMITS, unsafe_local=unsafe_local)
        tools = Tools(root, sandbox)
        messages = list(_episode(instance, mend, before[mend.file], _runner(root), tools))
        if _text(root / mend.file) != gold.files[mend.file]:
            return f"its expert did not mend {mend.file}"
        before_it, after_it = (messages[place]["content"] for place in _RUNS)
        if _passes(before_it) or not _passes(after_it):
            return "its tests say something else in the agent's shell"
    return {
        "instance_id": instance.instance_id,
        "model": MODEL,
        "resolved": True,
        "split": instance.meta.get("split", "train"),
        "messages": messages,
        "patch": instance.patch,
    }


def _passes(observation: str) -> bool:
    """Whether pytest's last line says that tests passed and none did not."""
    last = observation.rstrip().rpartition("\n")[2]
    return " passed" in last and " failed" not in last and " error" not in last


def _touched(instance: SweInstance, root: Path) -> list[str]:
    file = instance.meta.get("file")
    return [file] if isinstance(file, str) and (root / file).is_file() else []


def _text(path: Path) -> str:
    return path.read_bytes().decode()


def _mend(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> _Mend | None:
    """The change as few whole lines: those that differ, with as many around them as make the text unique."""
    changed = [path for path in before if before[path] != after.get(path)]
    if len(changed) != 1 or (old := before[changed[0]]) is None or (new := after[changed[0]]) is None:
        return None
    was, now = old.split("\n"), new.split("\n")
    first = _alike(was, now)
    rest = min(_alike(was[::-1], now[::-1]), len(was) - first, len(now) - first)
    around = 0
    while True:
        start, end = max(first - around, 0), max(rest - around, 0)
        piece = "\n".join(was[start : len(was) - end])
        if piece.strip() and old.count(piece) == 1:
            return _Mend(changed[0], first + 1, piece, "\n".join(now[start : len(now) - end]))
        if start == 0 and end == 0:
            return None
        around += 1


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _runner(root: Path) -> str:
    """How the expert calls pytest: options that a package adds to every run may need plugins that are not there."""
    files = [root / name for name in _SETTINGS if (root / name).is_file()]
    adds = any("addopts" in file.read_text(encoding="utf-8", errors="replace") for file in files)
    return "python -m pytest -o addopts= -q --tb=short" if adds else "python -m pytest -q --tb=short"


def _episode(instance: SweInstance, mend: _Mend, source: str, runner: str, tools: Tools) -> Iterator[Message]:
    """The messages, each call carried out as it is written."""
    yield {"role": "system", "content": system_text()}
    yield {"role": "user", "content": task_text(instance.problem_statement)}
    for thought, call in _acts(instance, mend, source, runner):
        parsed = parse_call(call)
        assert isinstance(parsed, Call), f"{instance.instance_id}: the expert's call cannot be read: {parsed}"
        yield {"role": "assistant", "content": f"{thought}\n\n{call}"}
        observed = tools.execute(parsed)
        if observed.done:
            return
        yield {"role": "user", "content": observed.text}


def _acts(instance: SweInstance, mend: _Mend, source: str, runner: str) -> Iterator[tuple[str, str]]:
    """What the expert thinks and does."""
    function = str(instance.meta.get("function", ""))
    name = function.split(".")[0]
    what = f"class {name}" if "." in function else f"def {name}"
    path = f"{MOUNT}/{mend.file}"
    tests = instance.fail_to_pass[:_MOST_TESTS]
    run = f"cd {MOUNT} && {runner} {' '.join(map(shlex.quote, tests))}"
    last = source.count("\n") + (not source.endswith("\n"))
    shown = max(mend.line - _SHOWN_BEFORE, 1), min(mend.line + mend.old.count("\n") + _SHOWN_AFTER, last)
    yield (
        f"Let me first find where `{function}` is defined, since the description is about its behaviour.",
        call_text("bash", command=f'grep -rnE "{what}\\b" {MOUNT} --include="*.py"'),
    )
    yield (
        f"It is in `{mend.file}`. Let me read the code there.",
        call_text("str_replace_editor", command="view", path=path, view_range=f"[{shown[0]}, {shown[1]}]"),
    )
    yield "Before I change anything, let me see how it fails.", call_text("bash", command=run)
    yield (
        reason_of(str(instance.meta.get("kind", "")), mend.old, mend.new),
        call_text("str_replace_editor", command="str_replace", path=path, old_str=mend.old, new_str=mend.new),
    )
    yield "Now let me run the same tests again.", call_text("bash", command=run)
    yield "The behaviour is right again. I submit the change.", call_text("submit")
    yield "The change is minimal, and no test was touched. I confirm the submission.", call_text("submit")
