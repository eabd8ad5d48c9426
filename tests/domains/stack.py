"""The stack machine of `fields/stack` and who plays it: three plans, of which each attempt follows one to its end."""

from __future__ import annotations

import json
import re
from pathlib import Path

FIELD = Path(__file__).parent / "fields" / "stack"


def plans(target):
    """Actions that reach the target, that miss it, and that never submit."""
    return [
        [f"push {target - 4}", "<think>four more</think>push 4", "add", "submit"],
        [f"push {target + 1}", "submit"],
        [f"push {target}", "fly", "fly"],
    ]


def action(prompt, seed):
    """The next action of a plan; the seed chooses one at the first step, and later the last step tells which."""
    target, shown = int(re.search(r"reach (-?\d+)", prompt)[1]), re.findall(r"^(.*?) -> ", prompt, re.MULTILINE)
    omitted = re.search(r"\((\d+) left out\)", prompt)
    done, found = len(shown) + (int(omitted[1]) if omitted else 0), plans(target)
    if not done:
        return found[seed % len(found)][0]
    return next(plan for plan in found if plan[done - 1 :] and plan[done - 1].endswith(shown[-1]))[done]


def script(body):
    """What a server says that plays, see `tests.teacher.scripted`."""
    return action(body["messages"][-1]["content"], body["seed"])


def write_problems(path, targets):
    rows = [{"id": f"p{n}", "problem": f"reach {n}", "answer": str(n), "setup": {"target": n}} for n in targets]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
