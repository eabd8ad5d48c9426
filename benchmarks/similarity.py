"""What the rewards of a step cost: similarity against the standard library's difflib, the others against similarity.

    python benchmarks/similarity.py [FILE_OR_FOLDER]        default: $TREADLE_DATA/math

Pairs are made of the texts of JSONL rows, each whole as it stands, of a length within 20% of the one asked for:

  steps       two consecutive numbered steps of the same solution
  solutions   two texts of the same column of the same file, the next two rows of that length

Both are what the reward meets: an action against the expert's on the same problem, and one on another subject. Of each
kind as many pairs are taken, evenly from all there are; where one kind has too few, the other fills up. Every pair is
checked: the two ratios must be the same float, also in the worker processes. If one differs, the exit code is 1.

Time is taken in rounds, in each of which difflib and treadle go over all pairs in turn, alone and then with one
process a core; the medians are printed. treadle goes over the pairs several times a round, so that its time is not
that of starting, and the time is divided.

Then `margin_reward`, `scaled_reward` and `weighted_reward` against `srl_reward`, on calls of 9 prompts with 8 rollouts
(2 of the longest), so that each action is held against 8 others. All texts are of the length asked for, and none comes
twice, so that nothing that is remembered of equal rollouts helps. Each margin must be that of `step_similarity`, to the
bit.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.pool
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import partial
from itertools import pairwise
from pathlib import Path

from treadle import margin_reward, scaled_reward, srl_reward, step_similarity, weighted_reward
from treadle.data.sources.math.numbered import NumberedSolution, parse_numbered
from treadle.scoring.contrasts import of_rows
from treadle.scoring.margin import margin
from treadle.scoring.rewards import SequenceMatcher as Matcher

LENGTHS = {200: 600, 1000: 60, 3000: 16}  # characters: pairs
TOLERANCE = 0.2
BAR = (1000, 9.0)
REPEATS = 8
PROMPTS, ROLLOUTS = 9, {200: 8, 1000: 8, 3000: 2}
MARGIN_BAR = 6.0
REWARDS = (srl_reward, margin_reward, scaled_reward, weighted_reward)

Pair = tuple[str, str]
Call = tuple[list[str], list[str]]  # actions and experts' actions


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=Path(os.environ.get("TREADLE_DATA", ".")) / "math")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if not arguments.data.exists():
        parser.error(f"{arguments.data} does not exist: name a JSONL file or a folder of them, or set TREADLE_DATA")
    texts = read_texts(arguments.data)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(
        f"treadle uses {Matcher.__module__}.SequenceMatcher; {cores} processes; medians of {arguments.rounds} rounds\n"
    )
    print(
        f"{'':>10} {'':>18}  {'one process, s':^27}  {f'{cores} processes, s':^27}\n"
        f"{'characters':>10} {'pairs (steps)':>18}  {'difflib':>9} {'treadle':>9} {'ratio':>7}"
        f"  {'difflib':>9} {'treadle':>9} {'ratio':>7}"
    )
    differing, ratios = 0, {}
    for length, count in LENGTHS.items():
        pairs, steps = choose_pairs(texts, length, count)
        if not pairs:
            print(f"{length:>10,} {'no such texts':>18}")
            continue
        with multiprocessing.Pool(cores, initializer=_hold, initargs=(pairs,)) as pool:
            times, different = measure(pairs, pool, cores, arguments.rounds)
        differing += different
        ratios[length] = times[0] / times[1]
        columns = [f"{a:9.4f} {b:9.4f} {a / b:6.1f}x" for a, b in (times[:2], times[2:])]
        print(f"{length:>10,} {f'{len(pairs):,} ({steps:,})':>18}  {'  '.join(columns)}")
    print(f"\n{differing} ratios differ from difflib's" if differing else "\nevery ratio equals difflib's bit for bit")
    length, bar = BAR
    if length in ratios:
        verdict = "met" if ratios[length] >= bar else "not met"
        print(f"at least {bar:g}x for one process at {length:,} characters: {ratios[length]:.1f}x, {verdict}")
    others_differ = show_rewards(texts, cores, arguments.rounds)
    return 1 if differing or others_differ or not ratios else 0


def show_rewards(texts: dict[tuple[str, str], list[str]], cores: int, rounds: int) -> int:
    """Print what the rewards cost against `srl_reward`; gives how many margins are not those of the definition."""
    print(f"\n{'':>10} {'':>12}  {'one process, times srl_reward':^36}  {f'{cores} processes':^26}")
    names = [reward.__name__.removesuffix("_reward") for reward in REWARDS[1:]]
    titles = "".join(f"{name:>9}" for name in names)
    print(f"{'characters':>10} {'rollouts':>12}  {'srl, s':>9}{titles}  {titles}")
    differing, worst = 0, 0.0
    for length in LENGTHS:
        call = make_call(texts, length)
        if call is None:
            print(f"{length:>10,} {'too few texts':>12}")
            continue
        actions, experts = call
        contrasts = of_rows(experts)
        expected = [margin(a, e, c) for a, e, c in zip(actions, experts, contrasts, strict=True)]
        found = margin_reward(actions, experts, think_tags="optional")
        differing += sum(a.hex() != b.hex() for a, b in zip(expected, found, strict=True))
        with multiprocessing.Pool(cores, initializer=_hold, initargs=([call],)) as pool:
            pool.map(_reward_share, [0] * cores, chunksize=1)  # starts the workers
            alone, together = reward_times(call, pool, cores, rounds)
        columns = ["".join(f"{s / times[0]:8.1f}x" for s in times[1:]) for times in (alone, together)]
        worst = max(worst, alone[1] / alone[0], together[1] / together[0])
        print(f"{length:>10,} {len(actions):>12,}  {alone[0]:9.4f}{'  '.join(columns)}")
    print(f"\n{differing} margins differ" if differing else "\nevery margin is that of step_similarity bit for bit")
    verdict = "met" if worst <= MARGIN_BAR else "not met"
    print(f"margin with 8 others at most {MARGIN_BAR:g}x similarity: {worst:.1f}x at most, {verdict}")
    return differing


def reward_times(
    call: Call, pool: multiprocessing.pool.Pool, cores: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Median seconds of each reward on a call, in one process and in all at once."""
    alone: list[list[float]] = [[] for _ in REWARDS]
    together: list[list[float]] = [[] for _ in REWARDS]
    for _ in range(rounds):
        for k, reward in enumerate(REWARDS):
            _timed(alone[k], partial(reward, *call, think_tags="optional"))
            _timed(together[k], partial(pool.map, _reward_share, [k] * cores, chunksize=1))
    return [statistics.median(seconds) for seconds in alone], [statistics.median(seconds) for seconds in together]


def make_call(texts: dict[tuple[str, str], list[str]], length: int) -> Call | None:
    """Actions and experts' actions of a call of `PROMPTS` groups, of texts of about `length` characters."""
    every = (text.strip() for column in texts.values() for text in column if "think>" not in text)
    fitting = dict.fromkeys(text for text in every if abs(len(text) - length) <= TOLERANCE * length)
    chosen = _evenly(list(fitting), PROMPTS * (ROLLOUTS[length] + 1))
    rollouts = len(chosen) // PROMPTS - 1
    if rollouts < 1:
        return None
    experts = [text for text in chosen[:PROMPTS] for _ in range(rollouts)]
    return chosen[PROMPTS:][: len(experts)], experts


def _reward_share(k: int) -> list[float]:
    return REWARDS[k](*_held[0], think_tags="optional")


def read_texts(data: Path) -> dict[tuple[str, str], list[str]]:
    """All texts of the JSONL files of `data`, by file and column."""
    files = sorted(data.rglob("*.jsonl")) if data.is_dir() else [data]
    texts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                for column, value in json.loads(line).items():
                    if isinstance(value, str):
                        texts[str(file), column].append(value)
    return texts


def choose_pairs(texts: dict[tuple[str, str], list[str]], length: int, count: int) -> tuple[list[Pair], int]:
    """`count` pairs of texts of about `length` characters, and how many of them are consecutive steps."""

    def fits(text: str) -> bool:
        return abs(len(text) - length) <= TOLERANCE * length

    steps = [pair for column in texts.values() for pair in _consecutive_steps(column) if all(map(fits, pair))]
    whole = []
    for column in texts.values():
        of_length = [text for text in dict.fromkeys(column) if fits(text)]
        whole += list(zip(of_length[::2], of_length[1::2], strict=False))
    from_steps = max(min(len(steps), count // 2), min(len(steps), count - len(whole)))
    return _evenly(steps, from_steps) + _evenly(whole, count - from_steps), from_steps


def _consecutive_steps(solutions: list[str]) -> Iterator[Pair]:
    for solution in solutions:
        if isinstance(parsed := parse_numbered(solution), NumberedSolution):
            yield from pairwise(step.action for step in parsed.steps)


def _evenly(items: list[Pair], count: int) -> list[Pair]:
    count = min(count, len(items))
    return [items[k * len(items) // count] for k in range(count)]


def measure(
    pairs: list[Pair], pool: multiprocessing.pool.Pool, cores: int, rounds: int
) -> tuple[tuple[float, ...], int]:
    """Median seconds a pass of difflib and treadle in one process, then of both in all; and the differing ratios."""
    shares = [(k, cores) for k in range(cores)]
    taken: list[list[float]] = [[], [], [], []]
    differing = 0
    pool.map(_treadle_share, shares, chunksize=1)  # starts the workers
    for _ in range(rounds):
        expected = _timed(taken[0], lambda: [_difflib(*pair) for pair in pairs])
        found = _timed(taken[1], lambda: [[step_similarity(*pair) for pair in pairs] for _ in range(REPEATS)])
        expected_all = _timed(taken[2], lambda: pool.map(_difflib_share, shares, chunksize=1))
        found_all = _timed(taken[3], lambda: pool.map(_treadle_share, shares, chunksize=1))
        others = [*found, *(_joined(part, len(pairs)) for part in (expected_all, found_all))]
        differing += sum(a.hex() != b.hex() for ratios in others for a, b in zip(expected, ratios, strict=True))
    medians = [statistics.median(seconds) for seconds in taken]
    return (medians[0], medians[1] / REPEATS, medians[2], medians[3] / REPEATS), differing


def _timed(taken: list[float], work: Callable[[], list]) -> list:
    begin = time.perf_counter()
    result = work()
    taken.append(time.perf_counter() - begin)
    return result


def _difflib(action: str, expert_action: str) -> float:
    return SequenceMatcher(None, action, expert_action, False).ratio()


_held: list[Pair] = []


def _hold(pairs: list[Pair]) -> None:
    """Give a worker the pairs once, so that sending them is no part of the time."""
    _held[:] = pairs


def _difflib_share(share: tuple[int, int]) -> list[float]:
    first, step = share
    return [_difflib(*pair) for pair in _held[first::step]]


def _treadle_share(share: tuple[int, int]) -> list[float]:
    first, step = share
    return [[step_similarity(*pair) for pair in _held[first::step]] for _ in range(REPEATS)][-1]


def _joined(parts: list[list[float]], count: int) -> list[float]:
    """The shares of the workers in the order of the pairs."""
    return [parts[k % len(parts)][k // len(parts)] for k in range(count)]


if __name__ == "__main__":
    sys.exit(main())
