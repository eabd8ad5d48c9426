"""What the rewards of agents' steps give to typical wrong actions, on real steps.

    TREADLE_DATA=FOLDER python benchmarks/agent_rewards.py [--steps 200]
    python benchmarks/agent_rewards.py --data FILE_OR_FOLDER     your own trajectories, in any form that treadle reads

Prints Markdown, the same each time. Each step of a sample is an expert's action of one call; beside it stand, where the
step and its trajectory have them:

- the same call with its arguments in reverse order (of two or more);
- the right file, wrong lines: each number of the arguments other than the path is another one;
- the right tool, wrong file: the path is the one of another step of the same trajectory that names another file;
- another tool: the nearest step of the same trajectory that calls another tool or command;
- the expert's action before, repeated (where it is another one);
- an extra argument: the same call with `note=x`.

The floor is what the best constant action earns: of the 24 most frequent actions of one half of the trajectories the
one with the highest mean there, measured on the other half, both ways. "Ranked right" is the share of the steps that
have all three in which right > right file, wrong lines > right tool, wrong file > another tool; `tiered` is made so
that this holds. Intervals are 95% bootstrap intervals over trajectories.

Cost: 20 s on one core.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from treadle import Trajectory, calls_reward, edit_reward, exact_reward, read_trajectories, srl_reward, tiered_reward
from treadle.scoring.calls import Call
from treadle.scoring.step_actions import AGENT, PATHS, calls_in, described
from treadle.statistics.clustered import SHARES, grouped_mean

SOURCES = {
    "SWE-smith": ["trajectories/swe_smith_messages.jsonl", "trajectories/swe_smith_xml.jsonl"],
    "SWE-agent and nebius": ["trajectories/swe_agent", "trajectories/nebius_swe_agent.jsonl"],
    "OpenHands": ["trajectories/swe_gym_openhands.jsonl", "trajectories/openhands_swebench.json"],
}
REWARDS: dict[str, Callable[..., list]] = {
    "similarity": srl_reward,
    "edit": edit_reward,
    "calls": calls_reward,
    "tiered": tiered_reward,
    "exact": exact_reward,
}
RANKED = ("right file, wrong lines", "right tool, wrong file", "another tool")
LABELS = ("right", "arguments in other order", "an extra argument", *RANKED, "the action before, repeated")
CANDIDATES = 24


class Target(NamedTuple):
    """A step: its trajectory, the expert's action, and wrong ones by what is wrong with them."""

    trajectory: str
    expert: str
    wrong: dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a file or folder of trajectories, instead of the public ones")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    folder = Path(os.environ.get("TREADLE_DATA", "."))
    sources = {title: [folder / file for file in files] for title, files in SOURCES.items()}
    if arguments.data:
        sources = {arguments.data.name: [arguments.data]}
    for file in (file for files in sources.values() for file in files):
        if not file.exists():
            parser.error(f"{file} does not exist: set TREADLE_DATA to the folder of real data, or name yours by --data")
    for title, files in sources.items():
        began = time.perf_counter()
        trajectories = [t for file in files for t in read_trajectories(file, keep_unverified=True)]
        print(table(title, [t for t in trajectories if t.domain == AGENT], arguments.steps))
        print(f"{title}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


def table(title: str, trajectories: Sequence[Trajectory], count: int) -> str:
    """The section of one source, in Markdown."""
    rng = random.Random(0)
    targets = [target for trajectory in trajectories for target in targets_of(trajectory, rng)]
    sample = [targets[k] for k in sorted(rng.sample(range(len(targets)), min(count, len(targets))))]
    earned = {name: {label: given(reward, sample, label) for label in LABELS} for name, reward in REWARDS.items()}
    names = {target.trajectory for target in sample}
    lines = [f"### {title}", "", f"{len(sample)} of {len(targets)} steps, of {len(names)} trajectories.", ""]
    lines += [f"| | steps | {' | '.join(REWARDS)} |", f"|---|---|{'---|' * len(REWARDS)}"]
    for label in LABELS:
        of = [target.trajectory for target in sample if label in target.wrong]
        if of:
            cells = [shown(values[label], of) for values in earned.values()]
            lines.append(f"| {label} | {len(of)} | {' | '.join(cells)} |")
    floors = [floor(reward, trajectories) for reward in REWARDS.values()]
    lines.append(f"| **the best constant** | {floors[0][2]} | {' | '.join(cell for cell, _, _ in floors)} |")
    order = [ranked(sample, values) for values in earned.values()]
    lines.append(f"| ranked right | {len(order[0])} | {' | '.join(map(share, order))} |")
    lines += ["", "Best constants:", ""]
    lines += [f"- {name}: {texts}" for name, (_, texts, _) in zip(REWARDS, floors, strict=True)]
    return "\n".join([*lines, ""])


def targets_of(trajectory: Trajectory, rng: random.Random) -> list[Target]:
    """The steps of a trajectory that call something, with wrong actions beside each."""
    actions = [step.action for step in trajectory.steps]
    found = []
    for place, action in enumerate(actions):
        calls = calls_in(action)
        if len(calls) != 1:
            continue
        wrong = {"right": action, **changed(calls[0], rng), **elsewhere(actions, place, calls[0])}
        if place and actions[place - 1] != action:
            wrong["the action before, repeated"] = actions[place - 1]
        found.append(Target(trajectory.id, action, wrong))
    return found


def changed(call: Call, rng: random.Random) -> dict[str, str]:
    """The call with its arguments in another order, with one more, and with other numbers."""
    if call.is_command:
        other = with_other_numbers(call.text, rng)
        return (
            {RANKED[0]: other} if other != call.text and described(call._replace(text=other)).path is not None else {}
        )
    pairs = list(call.arguments)
    made = {"an extra argument": written(call.name, [*pairs, ("note", "x")])}
    if len(pairs) > 1:
        made["arguments in other order"] = written(call.name, pairs[::-1])
    other = [(key, value if key in PATHS else with_other_numbers(value, rng)) for key, value in pairs]
    if other != pairs and described(call).path is not None:
        made[RANKED[0]] = written(call.name, other)
    return made


def with_other_numbers(text: str, rng: random.Random) -> str:
    """Each whole number that stands alone is another one of as many digits, or of one more."""
    return re.sub(
        r"(?<![\w./-])\d+(?![\w./])", lambda m: str(int(m[0]) + rng.randint(1, 9 * 10 ** (len(m[0]) - 1))), text
    )


def elsewhere(actions: Sequence[str], place: int, call: Call) -> dict[str, str]:
    """The call on the file of another step, and the nearest step with another tool."""
    own, made = described(call), {}
    for other in sorted(range(len(actions)), key=lambda k: (abs(k - place), k)):
        calls = calls_in(actions[other])
        if len(calls) != 1:
            continue
        found = described(calls[0])
        if (found.tool, found.command) != (own.tool, own.command):
            made.setdefault(RANKED[2], actions[other])
        if own.path and found.path and found.path != own.path and RANKED[1] not in made:
            text = call.text.replace(own.path, found.path)
            if text != call.text:
                made[RANKED[1]] = text
    return made


def written(name: str, arguments: Sequence[tuple[str, str]]) -> str:
    """A call in the form of `treadle.scoring.calls`, of values that are text already."""
    lines = [f"<parameter={k}>{f'{chr(10)}{v}{chr(10)}' if chr(10) in v else v}</parameter>" for k, v in arguments]
    return "\n".join([f"<function={name}>", *lines, "</function>"])


def given(reward: Callable[..., list], sample: Sequence[Target], label: str) -> list[float]:
    """What a reward gives to the actions of one label, of the steps that have it."""
    pairs = [(target.wrong[label], target.expert) for target in sample if label in target.wrong]
    return scores(reward, [action for action, _ in pairs], [expert for _, expert in pairs])


def scores(reward: Callable[..., list], actions: Sequence[str], experts: Sequence[str]) -> list[float]:
    """A reward of agents' steps without thoughts."""
    return reward(actions, expert_action=experts, think_tags="optional", domain=[AGENT] * len(actions))


def ranked(sample: Sequence[Target], values: dict[str, list[float]]) -> list[bool]:
    """Of each step with all of `RANKED` whether right is above the first of them, and each above the next."""
    at = {label: iter(values[label]) for label in LABELS}
    found = []
    for target in sample:
        row = {label: next(at[label]) for label in LABELS if label in target.wrong}
        if all(label in row for label in RANKED):
            order = [row[label] for label in ("right", *RANKED)]
            found.append(all(a > b for a, b in pairwise(order)))
    return found


def share(found: Sequence[bool]) -> str:
    return f"{sum(found) / len(found):.0%}" if found else ""


def floor(reward: Callable[..., list], trajectories: Sequence[Trajectory]) -> tuple[str, str, int]:
    """What the best constant earns, which they are, and on how many steps."""
    halves = [[(t.id, step.action) for t in trajectories[k::2] for step in t.steps] for k in (0, 1)]
    earned, groups, constants = [], [], []
    for known, measured in (halves, halves[::-1]):
        candidates = [text for text, _ in Counter(action for _, action in known).most_common(CANDIDATES)]
        experts = [action for _, action in known]
        constants.append(max(candidates, key=lambda text: sum(scores(reward, [text] * len(experts), experts))))
        experts = [action for _, action in measured]
        earned += scores(reward, [constants[-1]] * len(experts), experts)
        groups += [name for name, _ in measured]
    return shown(earned, groups), "; ".join(map(quoted, constants)), len(earned)


def shown(values: Sequence[float], groups: Sequence[str]) -> str:
    """Mean with its interval."""
    figure = grouped_mean(values, groups, within=SHARES)
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def quoted(text: str) -> str:
    """One line of a text, as code."""
    text = " ".join(text.split()).replace("`", "'").replace("|", "¦")
    return f"`{text[:90]}{'…' if len(text) > 90 else ''}`"


if __name__ == "__main__":
    sys.exit(main())
