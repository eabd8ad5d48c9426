"""A tiny domain that tests write into a folder: a counter that is added to, and that can be told to misbehave."""

from __future__ import annotations

from pathlib import Path

from treadle.domains.domain import Domain
from treadle.domains.folder import read_folder

WORLD = """
import os
import time

steps = 0


class World:
    def reset(self, task):
        if task.setup is None:
            raise ValueError("no start")
        self.value = task.setup["start"]

    def step(self, action):
        global steps
        steps += 1
        if action == "loop":
            while True:
                pass
        if action == "sleep":
            time.sleep(60)
        if action == "balloon":
            self.held = bytearray(1 << 40)
        if action == "die":
            os._exit(3)
        if action == "raise":
            raise RuntimeError("no such lever")
        if action == "print":
            print("a line that is no answer", flush=True)
            os.write(1, b"nor is this")
        if action == "write":
            with open(__file__ + ".written", "w") as file:
                file.write("x" * 10)
        if action == "much":
            return "x" * 50_000, False
        if action == "wrong":
            return None
        if action == "steps":
            return str(steps), False
        if action == "end":
            return "ended", True
        if action.startswith("+"):
            self.value += int(action[1:])
        return str(self.value), False

    def copy(self):
        other = World()
        other.value = self.value
        return other

    def close(self):
        pass
"""

JUDGE = """
def judge(task, attempt):
    return attempt.answer == task.answer


def judge_world(task, attempt, world):
    return world.value == task.setup["goal"], f"the counter is at {world.value}"
"""


def counter(folder: Path, judge: str = JUDGE, world: str = WORLD, **keys: str) -> Domain:
    """The domain, with these keys of domain.yaml beside its name."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{key}: {value}" for key, value in {"name": "counter", **keys}.items()]
    (folder / "domain.yaml").write_text("\n".join(lines) + "\n")
    (folder / "step.j2").write_text("{{ problem }}")
    (folder / "solve.j2").write_text("{{ problem }}")
    (folder / "judge.py").write_text(judge)
    (folder / "world.py").write_text(world)
    return read_folder(folder)
