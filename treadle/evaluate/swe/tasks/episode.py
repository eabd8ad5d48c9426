"""An expert's episode on a made task: the acts of its strategy, carried out as they are chosen.

The expert is a program that knows the bug, and what it does is chosen by the task alone. It is carried out by the
tools of the `agent` mode in the sandbox, so that its observations are real. An episode counts if what it hands in is
the gold patch's change, and the failing tests, run beside it in the agent's shell, fail before and pass afterwards.
"""

from __future__ import annotations

import random
import shlex
import tempfile
from pathlib import Path

from treadle.evaluate.swe.agent.prompts import MOUNT, Call, parse_call, system_text, task_text
from treadle.evaluate.swe.agent.tools import Tools
from treadle.evaluate.swe.checkouts import checkout
from treadle.evaluate.swe.environments import Environment, lay_over
from treadle.evaluate.swe.patches import apply_to_files
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.sandbox import Limits, Sandbox
from treadle.evaluate.swe.tasks.cases import Case, passes
from treadle.evaluate.swe.tasks.mends import mend_of
from treadle.evaluate.swe.tasks.strategies import strategy

Message = dict[str, str]
_LIMITS = Limits(seconds=120, memory_mb=4096, processes=256)
_MOST_TESTS = 20
_MOST_AROUND = 2
"""Lines that an edit takes along above and below, at most."""


def messages_of(instance: SweInstance, environment: Environment, unsafe_local: bool = False) -> list[Message] | str:
    """The messages of an expert's episode, or why there is none, in a line."""
    with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
        root = checkout(instance, Path(folder) / "tree")
        lay_over(environment, root)
        file = instance.meta.get("file")
        before = {file: _text(root / file)} if isinstance(file, str) and (root / file).is_file() else {}
        gold = apply_to_files(before, instance.patch)
        if gold.fault:
            return f"its gold patch does not apply: {gold.reason}"
        chance = random.Random(instance.instance_id)
        mend = mend_of(before, gold.files, chance.randint(0, _MOST_AROUND), chance.randint(0, _MOST_AROUND))
        if mend is None:
            return "its bug is not in one place of one file of texts"
        case = Case(instance, root, before[mend.file], mend, chance)
        sandbox = Sandbox(root, python=environment.python, limits=_LIMITS, unsafe_local=unsafe_local)
        failed_before = not passes(_tests_said(case, sandbox))
        tools = Tools(root, sandbox)
        messages = _episode(case, tools)
        if apply_to_files(before, tools.patch()).files != gold.files:
            return f"its expert did not mend {mend.file}, or changed something else"
        if not failed_before or not passes(_tests_said(case, sandbox)):
            return "its tests say something else in the agent's shell"
    return messages


def _text(path: Path) -> str:
    return path.read_bytes().decode()


def _tests_said(case: Case, sandbox: Sandbox) -> str:
    """What the failing tests say now, run with tools of their own and without traces in the checkout."""
    tests = " ".join(map(shlex.quote, case.instance.fail_to_pass[:_MOST_TESTS]))
    command = f"cd {MOUNT} && PYTHONDONTWRITEBYTECODE=1 {case.runner} -p no:cacheprovider {tests}"
    called = Call("bash", {"command": command}, "")
    return Tools(case.root, sandbox).execute(called).text


def _episode(case: Case, tools: Tools) -> list[Message]:
    instance = case.instance
    messages = [
        {"role": "system", "content": system_text()},
        {"role": "user", "content": task_text(instance.problem_statement)},
    ]
    acts = strategy(case)
    act = next(acts)
    while True:
        parsed = parse_call(act.call)
        assert isinstance(parsed, Call), f"{instance.instance_id}: the expert's call cannot be read: {parsed}"
        messages.append({"role": "assistant", "content": f"{act.thought}\n\n{act.call}"})
        observed = tools.execute(parsed)
        if observed.done:
            return messages
        messages.append({"role": "user", "content": observed.text})
        act = acts.send(observed.text)
