"""How many answers a second treadle grades, against math-verify called directly, in one run.

    python benchmarks/evaluate_grading.py [FOLDER]        default: $TREADLE_DATA/math

Pairs of an answer and a reference are real ones:

  R1         the last box of DeepSeek R1 outputs against the reference (MATH and GSM8K problems)
  AMC, AIME  the boxes of expert solutions, against themselves in another notation and against another problem's

They fall in two groups: those that rules decide, and those that need computer algebra in a worker process. Each round
takes new pairs of both groups, so that no cache helps, and grades them in turn with `math_verify.parse` and `verify` in
this process and with `Grader.judge` and one worker a core (two by default); sums over all rounds are printed. Workers
are started and warm before time is taken, as is math-verify here. "Ordinary" is the mixture as it stands in the data.
Beside the rates stands the processor time of an answer, workers included, which other programs disturb less, and then
on how many verdicts both agree. The exit code is 1 if an ordinary answer takes more than 2.0 ms of processor time, the
bar of 1,000 a second on two cores, or an answer hung or crashed.

The rules of the Qwen2.5-Math harness are no package. With `--qwen FOLDER`, the `evaluation` folder of a checkout of
QwenLM/Qwen2.5-Math (it wants word2number), its `strip_string` and `math_equal` grade the same pairs in the same run.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from treadle.limits import OutOfTime, time_limit
from treadle.scoring.answers import final_answer
from treadle.scoring.grading import Grade, Grader, Verdict
from treadle.scoring.grading.choices import choice_letter
from treadle.scoring.grading.files import reference_answer
from treadle.scoring.grading.normal import plain
from treadle.scoring.grading.rules import decide
from treadle.scoring.grading.values import formula_of

BAR = 2.0
"""Milliseconds of processor time of an ordinary answer."""
R1_FILES = ("deepseek_r1_math.jsonl", "deepseek_r1_gsm8k.jsonl")
EXPERT_FILE = "amc_aime_solutions.jsonl"
OUTPUT = "deepseek-reasoner (question)"
_SHOWN = 5
_HARNESS_SECONDS = 5.0


class Pair(NamedTuple):
    answer: str
    reference: str


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=Path(os.environ.get("TREADLE_DATA", ".")) / "math")
    parser.add_argument("--pairs", type=int, default=1200, help="Pairs of all rounds together.")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--qwen", type=Path, help="Folder `evaluation` of a checkout of the Qwen2.5-Math harness.")
    options = parser.parse_args(arguments)
    missing = [name for name in (*R1_FILES, EXPERT_FILE) if not (options.data / name).is_file()]
    if missing:
        parser.error(f"{options.data} lacks {', '.join(missing)}: name the folder that holds them, or set TREADLE_DATA")
    logging.disable(logging.CRITICAL)
    pairs = _evenly(read_pairs(options.data), options.pairs)
    groups = {True: [], False: []}
    for pair in pairs:
        groups[decide(*pair, "math") is None].append(pair)
    for remembering in (plain, formula_of):
        remembering.cache_clear()  # what was read just now
    print(f"{len(pairs)} pairs, {len(groups[True])} of them need computer algebra; {options.workers} workers\n")
    harness = _harness(options.qwen) if options.qwen else None
    times, judged, lost = measure(groups, options.rounds, options.workers)
    differing = [(pair, grade) for pair, right, grade in judged if right != (grade.verdict is Verdict.RIGHT)]
    print(
        f"{'':17} {'':>6}   answers a second            ms of processor time for one\n"
        f"{'':17} {'pairs':>6} {'math-verify':>12} {'treadle':>9} {'ratio':>7}"
        f" {'math-verify':>13} {'treadle':>9} {'ratio':>7}"
    )
    for name, which in (("decided by rules", [False]), ("computer algebra", [True]), ("ordinary", [False, True])):
        count = sum(len(groups[g]) for g in which)
        direct, ours, direct_cpu, our_cpu = (sum(times[g][k] for g in which) for k in range(4))
        if count:
            rates = f"{count / direct:>12.0f} {count / ours:>9.0f} {direct / ours:>6.1f}x"
            spent = f"{1000 * direct_cpu / count:>13.2f} {1000 * our_cpu / count:>9.2f} {direct_cpu / our_cpu:>6.1f}x"
            print(f"{name:17} {count:>6} {rates} {spent}")
    agreement = 1 - len(differing) / len(pairs)
    print(f"\n{agreement:.2%} agreement; {len(differing)} verdicts differ from math-verify's, among them:")
    for pair, grade in differing[:: max(1, len(differing) // _SHOWN)][:_SHOWN]:
        print(f"  {pair.answer!r} for {pair.reference!r}: {grade.verdict} here ({grade.why})")
    if harness is not None:
        _print_harness(harness, judged)
    spent = 1000 * sum(found[3] for found in times.values()) / len(pairs)
    print(
        f"\nat most {BAR:g} ms an answer: {spent:.2f}, {'met' if spent <= BAR else 'not met'}; {lost} hung or crashed"
    )
    return 0 if spent <= BAR and not lost else 1


def read_pairs(data: Path) -> list[Pair]:
    """All pairs, see above."""
    outputs = [(final_answer(row[OUTPUT]), row["answer"]) for name in R1_FILES for row in _rows(data / name)]
    pairs = [Pair(answer, reference_answer(str(gold))) for answer, gold in outputs if answer is not None]
    boxed = [answer for row in _rows(data / EXPERT_FILE) if (answer := final_answer(row["solution"])) is not None]
    pairs += [Pair(_rewritten(answer), answer) for answer in boxed]
    # A letter of one problem's choices says nothing about another's.
    values = [answer for answer in boxed if choice_letter(plain(answer)) is None]
    return pairs + [Pair(values[i - 1], answer) for i, answer in enumerate(values)]


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def _rewritten(answer: str) -> str:
    """The same in another notation."""
    sized = re.sub(r"\\[dt]?frac(?![a-z])", r"\\tfrac", answer)
    return rf"${sized.replace('(', ' ( ').replace('^2', '^{2}')}$"


def _evenly(items: list[Pair], count: int) -> list[Pair]:
    count = min(count, len(items))
    return [items[k * len(items) // count] for k in range(count)]


def measure(
    groups: dict[bool, list[Pair]], rounds: int, workers: int
) -> tuple[dict[bool, list[float]], list[tuple[Pair, bool, Grade]], int]:
    """Seconds and processor time of both for each group; each pair with what math-verify says (whether it is right) and
    what treadle says; and how many hung or crashed."""
    grader = Grader(workers)
    # Of these no rule computes a value, so that workers start and both readers have been used.
    warm = [Pair(rf"\frac{{{i}}}{{\coth x}}+\sqrt{{x}}", rf"\sqrt{{x}}+{i}/\coth x") for i in range(2, 12)]
    grader.judge([p.answer for p in warm], [p.reference for p in warm])
    _direct(warm)
    times: dict[bool, list[float]] = {group: [0.0] * 4 for group in groups}
    judged = []
    for number in range(rounds):
        for group, pairs in groups.items():
            share = pairs[number::rounds]
            began = _clocks(grader)
            expected = _direct(share)
            between = _clocks(grader)
            grades = grader.judge([p.answer for p in share], [p.reference for p in share])
            ended = _clocks(grader)
            for k in (0, 1):
                times[group][2 * k] += between[k] - began[k]
                times[group][2 * k + 1] += ended[k] - between[k]
            judged += zip(share, expected, grades, strict=True)
    grader.close()
    return times, judged, sum(grade.verdict in (Verdict.HUNG, Verdict.CRASHED) for *_, grade in judged)


def _clocks(grader: Grader) -> tuple[float, float]:
    """Seconds, and processor time of this process and of the grader's."""
    spent = time.process_time()
    for pid in grader.processes():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return time.perf_counter(), spent


def _direct(pairs: list[Pair]) -> list[bool]:
    from math_verify import parse, verify

    return [bool(verify(parse(rf"\boxed{{{p.reference}}}"), parse(rf"\boxed{{{p.answer}}}"))) for p in pairs]


def _harness(folder: Path) -> Callable[[Pair], bool]:
    sys.path[:0] = [str(folder), str(folder / "latex2sympy")]
    grader, parser = import_module("grader"), import_module("parser")

    def right(pair: Pair) -> bool:
        try:
            with time_limit(_HARNESS_SECONDS), redirect_stdout(None):  # its parser prints a warning each time
                return bool(grader.math_equal(*(parser.strip_string(text) for text in pair)))
        except (OutOfTime, Exception):  # as its evaluation counts what raises or takes too long
            return False

    return right


def _print_harness(right: Callable[[Pair], bool], judged: list[tuple[Pair, bool, Grade]]) -> None:
    pairs = [pair for pair, *_ in judged]
    right(pairs[0])  # warm
    began, spent = time.perf_counter(), time.process_time()
    theirs = [right(pair) for pair in pairs]
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    direct = [verdict for _, verdict, _ in judged]
    ours = [grade.verdict is Verdict.RIGHT for *_, grade in judged]
    shares = [sum(a == b for a, b in zip(theirs, others, strict=True)) / len(pairs) for others in (ours, direct)]
    print(
        f"\nQwen2.5-Math harness, in this process: {len(pairs) / seconds:.0f} a second, "
        f"{1000 * spent / len(pairs):.2f} ms of processor time for one; it agrees with treadle on {shares[0]:.2%}, "
        f"with math-verify on {shares[1]:.2%}; it differs from treadle on, among others:"
    )
    differing = [(p, a) for p, a, b in zip(pairs, theirs, ours, strict=True) if a != b]
    for pair, verdict in differing[:: max(1, len(differing) // _SHOWN)][:_SHOWN]:
        print(f"  {pair.answer!r} for {pair.reference!r}: {'right' if verdict else 'wrong'} there")


if __name__ == "__main__":
    sys.exit(main())
