"""What each reward of a step gives to texts that were had without the problem, and to attempts at it, on real actions.

    TREADLE_DATA=FOLDER python benchmarks/floors.py [--rows 192] [--kinds gsm8k titled swe-smith swe-agent]
    python benchmarks/floors.py --data FILE_OR_FOLDER        your own trajectories, in any form that treadle reads

Prints Markdown, the same each time. Each row of a sample is an expert's action with a step before it. Trajectories are
dealt out to two halves, those of one repository or problem together; what is constant is chosen in one half and tried
on the other, both ways. The problem's words are its beginning, as long as the median action. Half of an action is its
beginning, near-right has one number other, or one word where there is no number.

"Same problem" compares texts for the same action, "any problems" all with all (AUC); generic are all rows above the
attempts. "Kept" is the share of groups with a standard deviation above 0.01, dynamic sampling's threshold.

Rewards are the plain functions without settings, think tags left out, called with at most 32 experts' actions at a
time: the other ones of the call are the contrast, the floor and the weights. "Siblings" have the column `contrast` that
a recipe's stage gives its rows: half of the others are of the same trajectory, the rest of any in that half. Intervals
are 95% bootstrap intervals over trajectories (`treadle.statistics.clustered`).

Cost: at most 192 rows of at most 1,200 characters a kind, 20 texts for each and 24 candidates for 64 rows; less than
two minutes for all four kinds on one core.
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
from statistics import median, pstdev
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from treadle import Trajectory, margin_reward, read_trajectories, scaled_reward, srl_reward, weighted_reward
from treadle.data.contrast import Contrasts, Other, form_of
from treadle.scoring.contrasts import MOST
from treadle.scoring.margin import LOWEST
from treadle.scoring.weighted import tokens
from treadle.statistics.clustered import grouped_mean

KINDS = {
    "gsm8k": ("GSM8K lines", ["math/gsm8k_train_2000.jsonl"]),
    "titled": ("AMC/AIME titled steps", ["math/amc_aime_solutions.jsonl"]),
    "swe-smith": ("SWE-smith actions", ["trajectories/swe_smith_messages.jsonl", "trajectories/swe_smith_xml.jsonl"]),
    "swe-agent": ("SWE-agent actions", ["trajectories/swe_agent", "trajectories/nebius_swe_agent.jsonl"]),
}
REWARDS: dict[str, Callable[..., list[float]]] = {
    "similarity": srl_reward,
    "margin": margin_reward,
    "margin, siblings": margin_reward,
    "scaled": scaled_reward,
    "weighted": weighted_reward,
}
WITH_COLUMN = {"margin, siblings": MOST}
FREQUENT = "most frequent action"
GENERIC = (
    "best constant",
    FREQUENT,
    "a full stop",
    "another expert's action",
    "the step before",
    "the problem's words",
)
ATTEMPTS = ("half of it", "near-right", "right")
OFTEN = 0.02  # of actions, from which the most frequent one is shown
LONGEST = 1200
CALL = 32
FEWEST = 10
CANDIDATES, TRIED_ON = 24, 64
GROUP = 8
THRESHOLD = 0.01  # SRLConfig's sampling_threshold


class Target(NamedTuple):
    """An expert's action with what its problem has beside it."""

    trajectory: str
    expert: str
    before: str
    problem: str
    whole: Trajectory
    step: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--data", type=Path, help="a file or folder of trajectories, instead of the kinds")
    parser.add_argument("--rows", type=int, default=192)
    arguments = parser.parse_args()
    folder = Path(os.environ.get("TREADLE_DATA", "."))
    sources = {name: (title, [folder / file for file in files]) for name, (title, files) in KINDS.items()}
    sources = {name: sources[name] for name in arguments.kinds}
    if arguments.data:
        sources = {"own": (arguments.data.name, [arguments.data])}
    for file in (file for _, files in sources.values() for file in files):
        if not file.exists():
            parser.error(f"{file} does not exist: set TREADLE_DATA to the folder of real data, or name yours by --data")
    for title, files in sources.values():
        began = time.perf_counter()
        print(
            table(title, [t for file in files for t in read_trajectories(file, keep_unverified=True)], arguments.rows)
        )
        print(f"{title}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


def table(title: str, trajectories: Sequence[Trajectory], count: int) -> str:
    """The section of one kind, in Markdown."""
    rng = random.Random(0)
    halves = [[target for t in half for target in targets_of(t)] for half in split(trajectories, rng)]
    if min(map(len, halves)) < FEWEST:
        raise SystemExit(
            f"{title}: {len(halves[0])} and {len(halves[1])} steps of at most {LONGEST} characters with a step before, "
            f"in two halves by repository or problem; expected {FEWEST} in each: name more trajectories"
        )
    folds = [fold(halves[k], halves[1 - k], count // 2, rng) for k in (0, 1)]
    found = {
        name: {label: [v for f in folds for v in f.earned[name][label]] for label in folds[0].earned[name]}
        for name in REWARDS
    }
    groups = [group for f in folds for group in f.groups]
    generic = [label for label in GENERIC if label != FREQUENT or min(f.often for f in folds) >= OFTEN]
    head = f"{len(groups)} of {sum(map(len, halves))} actions, of {len(set(groups))} trajectories."
    lines = [f"### {title}", "", head, "", f"| | {' | '.join(REWARDS)} |", f"|---|{'---|' * len(REWARDS)}"]

    def row(label: str, cell: Callable[[dict[str, list[float]]], str]) -> None:
        lines.append(f"| {label} | {' | '.join(cell(found[name]) for name in REWARDS)} |")

    for label in (*generic, *ATTEMPTS):
        lowest = {name: LOWEST if name.startswith("margin") else 0.0 for name in REWARDS}
        cells = [shown(found[name][label], groups, lowest[name]) for name in REWARDS]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    for label in ATTEMPTS[:2]:
        row(f"P({label} > generic), same problem", lambda v, label=label: shown(wins(v, label, generic), groups))
        row(f"P({label} > generic), any problems", lambda v, label=label: f"{auc(v, label, generic):.2f}")
    row(f"groups of {GROUP} other experts' actions kept", lambda v: shown(spread(v), groups, share=True))
    lines += ["", "Best constants, of one half and of the other:", ""]
    lines += [f"- {name}: {'; '.join(quoted(f.constants[name]) for f in folds)}" for name in REWARDS]
    if FREQUENT in generic:
        lines.append(f"- most frequent: {'; '.join(f'{quoted(f.frequent)} ({f.often:.0%})' for f in folds)}")
    return "\n".join([*lines, ""])


class Fold(NamedTuple):
    """What was earned in one half: by reward and label a value a row; and the constants, which are the other half's."""

    earned: dict[str, dict[str, list[float]]]
    groups: list[str]
    constants: dict[str, str]
    frequent: str
    often: float


def fold(known: Sequence[Target], half: Sequence[Target], count: int, rng: random.Random) -> Fold:
    """Rewards on at most `count` actions of `half`, with constants of `known`."""
    sample = rng.sample(half, min(count, len(half)))
    of_known = [target.expert for target in known]
    length = round(median(map(len, of_known)))
    constants = best_constants(known, rng)
    frequent, times = Counter(of_known).most_common(1)[0]
    others = [others_of(target, half, rng) for target in sample]
    texts = {f"best constant, {name}": [constants[name]] * len(sample) for name in REWARDS}
    texts |= {f"other {k}": [row[k] for row in others] for k in range(GROUP)}
    texts |= {
        FREQUENT: [frequent] * len(sample),
        "a full stop": ["."] * len(sample),
        "another expert's action": texts["other 0"],
        "the step before": [target.before for target in sample],
        "the problem's words": [beginning(target.problem, length) for target in sample],
        "half of it": [beginning(target.expert, len(target.expert) // 2) for target in sample],
        "near-right": [near_right(target.expert, of_known, rng) for target in sample],
        "right": [target.expert for target in sample],
    }
    columns = contrasts_of(sample, half)
    earned = {name: scores(reward, texts, texts["right"], columns.get(name)) for name, reward in REWARDS.items()}
    for name, values in earned.items():
        values["best constant"] = values[f"best constant, {name}"]
    return Fold(earned, [target.trajectory for target in sample], constants, frequent, times / len(of_known))


def split(trajectories: Sequence[Trajectory], rng: random.Random) -> tuple[list[Trajectory], list[Trajectory]]:
    """Two halves by steps, of which no repository, or where there is none no problem, is in both."""
    together: dict[str, list[Trajectory]] = {}
    for trajectory in trajectories:
        together.setdefault(trajectory.repo or trajectory.problem, []).append(trajectory)
    keys = list(together)
    rng.shuffle(keys)
    halves: tuple[list[Trajectory], list[Trajectory]] = ([], [])
    sizes = [0, 0]
    for key in sorted(keys, key=lambda key: -sum(len(t.steps) for t in together[key])):
        smaller = sizes[1] <= sizes[0]
        halves[smaller].extend(together[key])
        sizes[smaller] += sum(len(t.steps) for t in together[key])
    return halves


def targets_of(trajectory: Trajectory) -> list[Target]:
    """Its steps with a step before, none of them long."""
    actions = [step.action for step in trajectory.steps]
    return [
        Target(trajectory.id, action, before, trajectory.problem, trajectory, step)
        for step, (before, action) in enumerate(pairwise(actions), 2)
        if len(before) <= LONGEST and len(action) <= LONGEST
    ]


def contrasts_of(sample: Sequence[Target], half: Sequence[Target]) -> dict[str, list[list[str]]]:
    """The column `contrast` of each reward that has one."""
    pool = tuple(Other(target.trajectory, form_of(target.whole), target.expert) for target in half)
    choices = {name: Contrasts(pool, most) for name, most in WITH_COLUMN.items()}
    return {name: [chosen.of(target.whole, target.step) for target in sample] for name, chosen in choices.items()}


def best_constants(known: Sequence[Target], rng: random.Random) -> dict[str, str]:
    """For each reward the candidate with the highest mean on actions of the same half."""
    actions = [target.expert for target in known]
    counts = Counter(actions)
    ordered = [action for action, _ in counts.most_common(CANDIDATES // 2)]
    rest = [action for action in counts if action not in ordered]
    candidates = ordered + rng.sample(rest, min(len(rest), CANDIDATES - len(ordered)))
    sample = rng.sample(list(known), min(TRIED_ON, len(actions)))
    tried_on, columns = [target.expert for target in sample], contrasts_of(sample, known)
    texts = {text: [text] * len(tried_on) for text in candidates}
    found = {name: scores(reward, texts, tried_on, columns.get(name)) for name, reward in REWARDS.items()}
    return {name: max(candidates, key=lambda text: sum(found[name][text])) for name in REWARDS}


def others_of(target: Target, sample: Sequence[Target], rng: random.Random) -> list[str]:
    """Actions of other trajectories of the sample, other texts than the own one."""
    fitting = [t.expert for t in sample if t.trajectory != target.trajectory and t.expert != target.expert]
    return rng.choices(fitting or [t.expert for t in sample if t.expert != target.expert], k=GROUP)


def beginning(text: str, length: int) -> str:
    """The first `length` characters, to the end of a word where there is one, never nothing."""
    cut = text.strip()[: max(length, 1)]
    return (cut.rsplit(maxsplit=1)[0] if " " in cut and len(cut) < len(text.strip()) else cut).strip() or text.strip()


def near_right(expert: str, known: Sequence[str], rng: random.Random) -> str:
    """The action with one number other than it was; without a number one word or name is another action's."""
    if numbers := list(re.finditer(r"\d+", expert)):
        at = rng.choice(numbers)
        digit = (int(at.group()[-1]) + rng.randint(1, 9)) % 10
        return f"{expert[: at.end() - 1]}{digit}{expert[at.end() :]}"
    names = [at for at in re.finditer(r"\w+(?:\.\w+)*", expert) if len(at.group()) > 2] or [re.search(r"\S+", expert)]
    at = rng.choice(names)
    of_others = sorted({word for text in known for word in tokens(text) if len(word) > 2 and word != at.group()})
    return f"{expert[: at.start()]}{rng.choice(of_others)}{expert[at.end() :]}"


def scores(
    reward: Callable[..., list[float]],
    texts: dict[str, list[str]],
    experts: list[str],
    contrast: list[list[str]] | None,
) -> dict[str, list[float]]:
    """What each kind of text earns for each expert's action, in calls of as many prompts as a step may have."""
    found: dict[str, list[float]] = {label: [] for label in texts}
    for start in range(0, len(experts), CALL):
        rows = range(start, min(start + CALL, len(experts)))
        completions = [column[row] for row in rows for column in texts.values()]
        of_rows = [experts[row] for row in rows for _ in texts]
        column = {} if contrast is None else {"contrast": [contrast[row] for row in rows for _ in texts]}
        values = iter(reward(completions, expert_action=of_rows, think_tags="optional", **column))
        for _ in rows:
            for label in texts:
                found[label].append(next(values))
    return found


def wins(values: dict[str, list[float]], label: str, generic: Sequence[str]) -> list[float]:
    """For each row the share of its generic texts that the attempt is above, ties counted half."""
    rows = zip(values[label], zip(*(values[other] for other in generic), strict=True), strict=True)
    return [float(np.mean([(own > g) + 0.5 * (own == g) for g in others])) for own, others in rows]


def auc(values: dict[str, list[float]], label: str, generic: Sequence[str]) -> float:
    """Probability that an attempt at some problem is above a generic text at some problem, ties counted half."""
    attempts, others = values[label], [value for other in generic for value in values[other]]
    ranks = rankdata([*attempts, *others])[: len(attempts)]
    return float((ranks.sum() / len(attempts) - (len(attempts) + 1) / 2) / len(others))


def spread(values: dict[str, list[float]]) -> list[float]:
    """For each row whether dynamic sampling would keep a group of other experts' actions."""
    rows = zip(*(values[f"other {k}"] for k in range(GROUP)), strict=True)
    return [float(pstdev(row) > THRESHOLD) for row in rows]


def shown(values: Sequence[float], groups: Sequence[str], lowest: float = 0.0, share: bool = False) -> str:
    """Mean with its interval, which the range of what is averaged bounds."""
    figure = grouped_mean(values, groups, share=share)
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    # Adding 0 after rounding makes -0.00 a 0.00.
    bounds = figure["value"], max(figure["low"], lowest), min(figure["high"], 1.0)
    value, low, high = (round(bound, 2) + 0.0 for bound in bounds)
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def quoted(text: str) -> str:
    """One line of a text, as code."""
    text = " ".join(text.split()).replace("`", "'")
    return f"`{text[:70]}{'…' if len(text) > 70 else ''}`"


if __name__ == "__main__":
    sys.exit(main())
