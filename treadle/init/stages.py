"""Which stages a first recipe has, and why: by what a sample of the model measured, else by what the data holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from treadle.check.advice import PAGE, Advice
from treadle.check.state import State
from treadle.errors import RecipeError
from treadle.init.found import Found

KINDS = ("sft", "warmup", "srl", "rlvr")
SETTINGS: dict[State, dict[str, dict[str, Any]]] = {
    State.OWN_STYLE: {"sft": {"target": "traces", "unit": "both"}},
    State.FORMAT: {"warmup": {"examples": 2}},
    State.NOTHING_TO_COMPARE: {"rlvr": {"prefix": "guidance"}},
    State.NO_SPREAD: {"sft": {"unit": "both"}},
    State.FLOOR_MANY_SHORT: {"sft": {"unit": "both"}, "srl": {"reward": "margin"}},
    State.FLOOR: {"srl": {"reward": "margin"}},
}
"""What stages need in some states, as docs/which.md has it; a test holds the two together."""

PURPOSES = {
    "sft": "fine-tuning on what the experts wrote",
    "warmup": "the model's own well-formed steps, sampled with worked examples: the format comes first",
    "srl": "single steps, rewarded by their similarity to the expert's; no solution has to be right",
    "rlvr": "whole problems, rewarded by their final answer",
}


class Plan(NamedTuple):
    """What is trained.

    Args:
        stages: Kinds, each with what its stage needs besides sizes.
        why: What decided, in a sentence.
    """

    stages: list[tuple[str, dict[str, Any]]]
    why: str


def plan(found: Found, advice: Advice | None = None, asked: Sequence[str] = ()) -> Plan:
    """The stages of a first recipe.

    Args:
        advice: Of a sample; `None` without one.
        asked: Kinds that are asked for, which decide where there are some.

    Raises:
        RecipeError: The sample advises to train nothing yet.
    """
    if asked:
        return Plan([(kind, {}) for kind in asked], "asked for by --stages")
    if advice is None or advice.state is State.TOO_FEW:
        kinds, why = _by_data(found)
        sampled = f"The sample was too small to decide ({advice.text}). " if advice else ""
        return Plan([(kind, {}) for kind in kinds], f"{sampled}{why}")
    if not advice.stages:
        raise RecipeError(
            f"the sample advises to train nothing yet. {advice.text}\n  evidence: {PAGE}, {advice.state}; a recipe all "
            "the same: --stages srl,rlvr"
        )
    settings = SETTINGS.get(advice.state, {})
    return Plan([(kind, settings.get(kind, {})) for kind in advice.stages], f"{advice.text} ({PAGE}, {advice.state})")


def _by_data(found: Found) -> tuple[tuple[str, ...], str]:
    if found.answers_only:
        return ("rlvr",), "The data has problems and answers without steps, so there is nothing that SRL could compare."
    if not found.answers:
        whose = "Agents' data" if found.demonstrations.agents else "The data"
        return ("srl",), f"{whose} has no final answers, which RLVR would reward: SRL alone."
    return ("srl", "rlvr"), (
        "SRL, then RLVR: the paper's strongest order, and one that serves whether or not the model solves anything yet."
    )
