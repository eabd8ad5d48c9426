"""A plain sentence for each claim of the paper, with a verdict that is computed.

A claim is a difference between two arms over the same problems (and seeds), with its 95% interval, against what the
claim predicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.miniature.arms import POLICIES, PREFIXES
from treadle.miniature.prefixes import GIVEN
from treadle.miniature.results import TITLES, Mode, Scores, accuracy, difference
from treadle.statistics.estimates import Estimate

SAME = 0.05  # a gain below five points counts as none
PLACES = {"whole": "in whole solutions", "loop": "in the loop"}


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


def _words(policy: str) -> str:
    return policy.replace("_", " ")


def _both(claim: str, first: str, second: str) -> tuple[Above, Above]:
    """The claim in both ways of solving."""
    return Above(f"{claim}, in whole solutions", first, second, "whole"), Above(
        f"{claim}, in the loop", first, second, "loop"
    )


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
)
ABLATION_CLAIMS: tuple[Above, ...] = (
    *_both("Step-wise similarity beats that of the whole solution at once", "srl", "one_step"),
    Above("Dynamic sampling helps SRL", "srl", "srl_all_groups", "loop"),
    *_both("The title of the upcoming step in the prompt helps SRL", "srl_titles", "srl"),
    *_both("The last step as a target helps SRL", "srl", "srl_skip_last"),
    *(
        claim
        for policy, arm in zip(POLICIES, PREFIXES, strict=True)
        for claim in (
            Above(f"Prefixes of the expert's help RLVR ({_words(policy)})", arm, "rlvr", "whole"),
            *_both(f"SRL is above RLVR with prefixes ({_words(policy)})", "srl", arm),
            # With about the same tokens; the shorter pipeline has fewer.
            *_both(f"SRL then RLVR, longer, is above RLVR with prefixes ({_words(policy)})", "srl_rlvr_longer", arm),
        )
    ),
    *_both("SRL then RLVR is above the best prefixes then RLVR", "srl_rlvr", "prefix_rlvr"),
    *_both("SRL then RLVR, longer, is above the best prefixes then RLVR", "srl_rlvr_longer", "prefix_rlvr"),
    *_both("SRL then RLVR is above SFT then RLVR", "srl_rlvr", "sft_rlvr"),
    *_both("SFT before RLVR helps", "sft_rlvr", "rlvr"),
    Above(
        "Step instances among RLVR's problems keep the skill of single steps", "srl_mixed", "srl_rlvr_longer", "loop"
    ),
)


def claims(scores: Scores, prefixes: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Every claim whose arms were run, with verdict, figures and one plain sentence.

    Args:
        prefixes: What the prefix policies did, as `treadle.miniature.prefixes.prefix_row` has it.
    """
    found = []
    for claim in (*CLAIMS, *ABLATION_CLAIMS):
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
    return [*found, *(_success_claim(row) for row in prefixes)]


def _success_claim(row: Mapping[str, Any]) -> dict[str, Any]:
    """The more is given, the more often the rest is right: figures of the training, without an interval."""
    rates = {given: row[given] for given in GIVEN if row[given] is not None}
    told = list(rates.values())
    alike = len(set(told)) < 2  # also where nothing was ever right
    verdict = "not shown" if alike else "shown" if told == sorted(told) else "contrary"
    words = {"none": "none", "first_half": "at most half", "second_half": "more than half"}
    parts = ", ".join(f"{rate:.0%} with {words[given]}" for given, rate in rates.items())
    return {
        "claim": f"More of the expert's steps, more right answers ({row['arm']})",
        "verdict": verdict,
        "sentence": f"Right rollouts in training by the share of steps given: {parts or 'nothing was sampled'}.",
    }


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


def as_lines(found: Sequence[Mapping[str, Any]]) -> str:
    """Verdicts and sentences for the terminal."""
    return "\n".join(f"{claim['verdict'].upper():9}  {claim['claim']}. {claim['sentence']}" for claim in found)
