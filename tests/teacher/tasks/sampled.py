"""A server whose model plays another script for each sample of a task, which it knows by the seeds of its steps.

`PLAYS` says what each sample of the task does and what has to become of it; the task is `tinyshape` of
`tests.evaluate.swe.scripted`, whose tests tell a product from a sum.
"""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from pathlib import Path

from tests.evaluate.backends.faulty import running
from tests.evaluate.swe.scripted import BAD, GOOD, SUBMIT, ScriptedHandler, ScriptedServer, bash, editor
from treadle.evaluate.swe.running import TEST_LIMITS, Means
from treadle.evaluate.swe.sandbox import Limits
from treadle.evaluate.swe.settings import SweSettings, seed_of
from treadle.evaluate.swe.worlds import Worlds
from treadle.teacher.tasks.attempts import Playing

MEND = editor("str_replace", old_str=BAD, new_str=GOOD)
LONGER = [bash(f"sed -n '{n},{n + 3}p' /testbed/tinyshape.py; echo part number {n} was seen") for n in range(1, 7)]
PLAYS = {
    "mends": (["<think>A product.</think>I look.\n\n" + editor("view"), MEND, SUBMIT], "kept"),
    "mends_too": ([editor("view"), MEND, SUBMIT], "exact_duplicate"),
    "long_way": ([*LONGER, MEND, SUBMIT], "kept"),
    "nearly_long_way": ([*LONGER[:5], MEND, SUBMIT], "near_duplicate"),
    "stumbles": (["I do not know yet.", bash("git -C /testbed status --short; ls /"), MEND, SUBMIT], "kept"),
    "wrong": ([editor("str_replace", old_str=BAD, new_str="    return width - height\n"), SUBMIT], "not_resolved"),
    "breaks": ([MEND, bash("echo 'raise SystemExit' >> /testbed/tinyshape.py"), SUBMIT], "not_resolved"),
    "nothing": ([SUBMIT], "no_patch"),
    "talks": (["I am sorry."], "format_faults"),
    "repeats": ([bash("ls /testbed")], "repeated"),
    "wanders": ([bash(f"echo {n}") for n in range(20)], "out_of_steps"),
}
MOST_STEPS = 10


class SampledHandler(ScriptedHandler):
    def completion(self, body):
        done = [int(number) for number in re.findall(r"^Action (\d+):$", body["messages"][-1]["content"], re.MULTILINE)]
        step = max(done, default=0)
        task = re.search(r"plays (\w+)", body["messages"][-1]["content"])[1]
        sample = next(k for k in range(64) if seed_of(0, f"tinyshape-0-{task}#{k}", f"step/{step + 1}") == body["seed"])
        script = self.server.scripts[sample % len(self.server.scripts)]
        found = super().completion(body)
        found["choices"][0] |= {"finish_reason": "stop"}
        found["choices"][0]["message"]["content"] = script[min(step, len(script) - 1)]
        return found


@contextmanager
def sampling(*plays, hook=lambda number: None, **settings):
    """The server; sample k plays `PLAYS[plays[k]]`, all of them by default."""
    server = ScriptedServer(hook, **settings)
    server.RequestHandlerClass = SampledHandler
    server.scripts = [PLAYS[name][0] for name in plays or PLAYS]
    with running(server):
        yield server


def playing(folder, server, **more):
    """Who plays: `more` are settings of the episodes or of `Playing`."""
    own = {name: more.pop(name) for name in list(more) if name in SweSettings.__dataclass_fields__}
    python = Path(sys.prefix)
    return Playing(
        "tiny",
        SweSettings(mode="agent", sample_steps=True, **{"max_steps": MOST_STEPS, **own}),
        Worlds(folder / "cache", limits=Limits(seconds=5), python=python),
        Means(folder / "cache", limits=TEST_LIMITS, python=python),
        "openai",
        {"url": server.url, "retries": 0, "concurrency": 4},
        say=lambda line: None,
        **{"validate": False, **more},
    )
