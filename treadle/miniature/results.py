"""From the scores of all arms to a table and to a plain sentence for each claim of the paper.

Every verdict is computed: a difference between two arms over the same problems (and seeds), with its 95%
interval, against what the claim predicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from treadle.miniature.arms import ARMS
from treadle.statistics.estimates import Estimate, wilson
from treadle.statistics.intervals import mean_over_runs, paired_difference

Scores = Mapping[str, Sequence[Mapping[str, Any]]]
"""Arm name -> one score a seed, as `treadle.miniature.scoring.score` returns it, with `seconds` added."""

Mode = Literal["whole", "loop"]
MODES: tuple[Mode, ...] = ("whole", "loop")
SAME = 0.05  # a gain below five points counts as none

TITLES = {arm.name: arm.title for arm in ARMS}
PLACES = {"whole": "in whole solutions", "loop": "in the loop"}


def accuracy(scores: Scores, arm: str, mode: Mode) -> Estimate:
    """Mean accuracy over seeds with its 95% interval."""
    return mean_over_runs([run[mode]["right"] for run in scores[arm]])


def difference(scores: Scores, first: str, second: str, mode: Mode) -> Estimate:
    """Accuracy of `first` minus that of `second` on the same problems and seeds."""
    return paired_difference([r[mode]["right"] for r in scores[first]], [r[mode]["right"] for r in scores[second]])


@dataclass(frozen=True)
class Above:
    """The claim that one arm solves more than another."""

    claim: str
    first: str
    second: str
    mode: Mode

    def judge(self, gain: Estimate) -> str:
        return "shown" if gain.low > 0 else "contrary" if gain.high < 0 else "not shown"


@dataclass(frozen=True)
class NotAbove(Above):
    """The claim that one arm does not solve more than another, up to five points."""

    def judge(self, gain: Estimate) -> str:
        return "shown" if gain.high < SAME else "contrary" if gain.low > 0 else "not shown"


CLAIMS: tuple[Above, ...] = (
    NotAbove("SFT on the expert's long traces does not help with whole solutions", "sft_traces", "base", "whole"),
    NotAbove("SFT on the expert's long traces does not help in the loop", "sft_traces", "base", "loop"),
    NotAbove("Outcome-only RL finds no signal on problems that the base never solves", "rlvr", "base", "whole"),
    Above("SRL learns from the same demonstrations what SFT on actions does not", "srl", "sft_actions", "loop"),
    Above("SRL learns where outcome-only RL does not", "srl", "rlvr", "loop"),
    Above("SRL alone also solves more whole solutions than outcome-only RL", "srl", "rlvr", "whole"),
    Above("SRL then RLVR is the strongest: above RLVR", "srl_rlvr", "rlvr", "whole"),
    Above("SRL then RLVR is the strongest: above SRL", "srl_rlvr", "srl", "whole"),
    Above("SRL then RLVR is the strongest: above SRL continued", "srl_rlvr", "srl_continued", "whole"),
    Above("Dynamic sampling helps SRL", "srl", "srl_all_groups", "loop"),
    Above("Leaving groups out that are all poor helps SRL", "srl_floor", "srl", "loop"),
    Above(
        "Step instances among RLVR's problems keep the skill of single steps", "srl_mixed", "srl_rlvr_longer", "loop"
    ),
    Above("Step-wise similarity beats that of the whole solution at once, in the loop", "srl", "one_step", "loop"),
    Above(
        "Step-wise similarity beats that of the whole solution at once, in whole solutions", "srl", "one_step", "whole"
    ),
)


def claims(scores: Scores) -> list[dict[str, Any]]:
    """Every claim whose arms were run, with verdict, figures and one plain sentence."""
    found = []
    for claim in CLAIMS:
        if claim.first not in scores or claim.second not in scores:
            continue
        gain = difference(scores, claim.first, claim.second, claim.mode)
        verdict = claim.judge(gain)
        first, second = (accuracy(scores, arm, claim.mode).value for arm in (claim.first, claim.second))
        points, low, high = (round(100 * bound) for bound in gain)
        sentence = (
            f"{TITLES[claim.first]} solves {first:.0%} {PLACES[claim.mode]}, {TITLES[claim.second]} {second:.0%}: "
            f"a difference of {points:+d} points (95% interval {low:+d} to {high:+d})."
        )
        found.append({"claim": claim.claim, "verdict": verdict, "sentence": sentence})
    found.append(_length_claim(scores))
    return found


def _length_claim(scores: Scores) -> dict[str, Any]:
    """The paper reports answers as long as the base model's: SRL's gain is not bought with longer thinking."""
    before, after = (
        sum(run["loop"]["thought_tokens"] for run in scores[arm]) / len(scores[arm]) for arm in ("base", "srl")
    )
    verdict = "shown" if abs(after - before) <= 0.1 * before else "contrary"
    return {
        "claim": "SRL thinks as long as the base model",
        "verdict": verdict,
        "sentence": f"A step's thought has {before:.1f} tokens in the base and {after:.1f} after SRL.",
    }


def floor_words(floors: Sequence[Mapping[str, Any] | None]) -> str:
    """What stands beside a similarity: the floor of the demonstrations, of several seeds the lowest and the highest."""
    values = [floor["value"] for floor in floors if floor is not None]
    if not values or len(values) < len(floors):
        return "floor not known"
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return f"floor {low}" if low == high else f"floor {low} to {high}"


def arm_rows(scores: Scores) -> list[dict[str, Any]]:
    """One row an arm, seed and mode, for `results.json`."""
    rows = []
    for arm, runs in scores.items():
        for seed, run in enumerate(runs):
            for mode in MODES:
                share = wilson(sum(run[mode]["right"]), len(run[mode]["right"]))
                rows.append(
                    {
                        "name": arm,
                        "seed": seed,
                        "mode": mode,
                        "accuracy": share.value,
                        "low": share.low,
                        "high": share.high,
                        "next_step_exact": run["steps"]["exact"],
                        "next_step_similarity": run["steps"]["similarity"],
                        "thought_tokens": run[mode]["thought_tokens"],
                        "seconds": run["seconds"],
                    }
                )
    return rows


def table(scores: Scores) -> list[dict[str, Any]]:
    """One row an arm, means over seeds, in the order in which the arms build on each other."""
    order = ["base", "sft_actions", "sft_traces", "rlvr", "srl", "srl_continued", "srl_rlvr"]
    names = [a for a in order if a in scores] + [a for a in scores if a not in order]
    rows = []
    for arm in names:
        runs = scores[arm]
        mean = lambda pick, runs=runs: sum(map(pick, runs)) / len(runs)  # noqa: E731
        rows.append(
            {
                "arm": TITLES[arm],
                "whole": accuracy(scores, arm, "whole"),
                "loop": accuracy(scores, arm, "loop"),
                "next_step_exact": mean(lambda run: run["steps"]["exact"]),
                "next_step_similarity": mean(lambda run: run["steps"]["similarity"]),
                "thought_whole": mean(lambda run: run["whole"]["thought_tokens"]),
                "thought_loop": mean(lambda run: run["loop"]["thought_tokens"]),
                "seconds": mean(lambda run: run["seconds"]),
            }
        )
    return rows


def as_markdown(rows: Sequence[Mapping[str, Any]], floors: Sequence[Mapping[str, Any] | None]) -> str:
    """The table for the terminal and the README.

    Args:
        floors: Of the demonstrations' steps, one a seed.
    """
    lines = [
        "| arm | whole solutions | think-act loop | next step exact | next step similarity "
        "| thought tokens (whole, loop) | training s |",
        "|---|---|---|---|---|---|---|",
    ]
    floor = floor_words(floors)
    for r in rows:
        shares = [f"{e.value:.0%} ({e.low:.0%} to {e.high:.0%})" for e in (r["whole"], r["loop"])]
        lines.append(
            f"| {r['arm']} | {shares[0]} | {shares[1]} | {r['next_step_exact']:.0%} "
            f"| {r['next_step_similarity']:.2f} ({floor}) "
            f"| {r['thought_whole']:.0f}, {r['thought_loop']:.0f} | {r['seconds']:.0f} |"
        )
    return "\n".join(lines)
