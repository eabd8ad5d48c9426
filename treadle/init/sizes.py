"""How much a first try trains, beside the paper's sizes, each number with its reason."""

from __future__ import annotations

from typing import Any, NamedTuple

from treadle.init.found import Found, Lengths
from treadle.recipe.parts import Lora
from treadle.recipe.schema import RLVRStage, SRLStage
from treadle.repository import in_repository

PROMPTS, STEPS, EVERY = 16, 20, 10
"""Prompts of a step, steps, and steps between validations, of a first try."""
LEAST = {"srl": 256, "warmup": 256, "rlvr": 512}
"""Tokens that a completion is given in any case: there are thoughts in it, whose length nobody knows beforehand."""
SMALL, SMALL_RATE = 1_000_000_000, 2e-5
"""Parameters below which a model takes this learning rate, that of the recipe below."""
_SMALL_RECIPE = in_repository("recipes/gsm8k_smollm2_135m.yaml")
ADAPTER_RATE = 5e-6
"""Of LoRA: ten times that of all weights, as in Schulman and others, LoRA Without Regret (2025)."""
CONVERSATIONS = 16
PAPER = {"srl": SRLStage(kind="srl"), "rlvr": RLVRStage(kind="rlvr")}


class Setting(NamedTuple):
    """A line of the recipe."""

    key: str
    value: Any
    why: str = ""


def settings_of(kind: str, found: Found, lora: Lora | None, paper: bool, micro_batch: int) -> list[Setting]:
    """The sizes of a stage.

    Args:
        lora: The adapter that is trained, if one is.
        paper: Whether to take the paper's sizes instead of those of a first try.
        micro_batch: Sequences that are computed at a time.
    """
    by_kind = {"sft": _sft, "warmup": _warmup, "srl": _rl, "rlvr": _rl}
    sizes = by_kind[kind](kind, found, paper)
    memory = Setting("micro_batch", micro_batch, "sequences computed at a time, as many as memory allows up to 8")
    return [*sizes, memory, *_rate(kind, found, lora), *_validation(kind, found)]


def room(kind: str, found: Found) -> int:
    """Tokens of a completion: twice the expert's text, rounded up to a power of two, within the model's positions."""
    lengths = _lengths(kind, found)
    if lengths is None:
        return LEAST[kind]
    wanted = max(LEAST[kind], _power_of_two(2 * lengths.expert, up=True))
    left = wanted if found.positions is None else found.positions - lengths.prompt
    return min(wanted, left) if left > 0 else wanted


def _lengths(kind: str, found: Found) -> Lengths | None:
    return found.solutions if kind == "rlvr" else found.steps


def _rl(kind: str, found: Found, paper: bool) -> list[Setting]:
    of_paper, rows = PAPER[kind], found.answers if kind == "rlvr" else found.instances
    wished = of_paper.prompts_per_step if paper else PROMPTS
    prompts = min(wished, _power_of_two(rows))
    given = "the paper's" if prompts == of_paper.prompts_per_step else f"the paper: {of_paper.prompts_per_step}"
    if prompts < wished:
        given += f"; there are {rows:,} rows"
    length = Setting("max_completion_length", room(kind, found), _why_length(kind, found))
    found_sizes = [Setting("prompts_per_step", prompts, given), Setting("rollouts", of_paper.rollouts, "the paper's")]
    steps = Setting(
        "max_steps", STEPS, f"of a first try; without this line it is the paper's, up to {of_paper.epochs:g} epochs"
    )
    return [*found_sizes, length] + ([] if paper else [steps])


def _why_length(kind: str, found: Found) -> str:
    lengths = _lengths(kind, found)
    if lengths is None:
        return ""
    if room(kind, found) == (found.positions or 0) - lengths.prompt:
        return f"what the model's {found.positions:,} positions leave after the longest prompt of {lengths.prompt:,}"
    whose = "solutions" if kind == "rlvr" else "steps"
    return f"95% of the experts' {whose} have up to {lengths.expert:,} tokens; twice that, with room for thoughts"


def _warmup(kind: str, found: Found, paper: bool) -> list[Setting]:
    return [
        Setting("sampled_prompts", max(1, min(256, found.instances // 2)), "prompts to sample from"),
        Setting("goal_prompts", max(1, min(64, found.instances // 4)), "others, on which the format is measured"),
        Setting("max_completion_length", room(kind, found), _why_length(kind, found)),
    ]


def _sft(kind: str, found: Found, paper: bool) -> list[Setting]:
    batch = 64 if paper else CONVERSATIONS
    sizes = [Setting("batch_size", batch, "conversations a step" + ("" if paper else "; 64 without this line"))]
    if found.positions is not None:
        sizes.append(Setting("max_length", found.positions, "the model's positions; longer conversations are cut"))
    return sizes


def _rate(kind: str, found: Found, lora: Lora | None) -> list[Setting]:
    if kind not in PAPER:
        return []
    usual = f"{PAPER[kind].learning_rate:g}"
    if lora is not None:
        why = f"of an adapter, ten times the paper's {usual} for all weights; not measured by us"
        return [Setting("learning_rate", ADAPTER_RATE, why)]
    if found.parameters < SMALL:
        why = f"of a small model, as in {_SMALL_RECIPE}; the paper: {usual} for 7B"
        return [Setting("learning_rate", SMALL_RATE, why)]
    return [Setting("learning_rate", PAPER[kind].learning_rate, "the paper's")]


def _validation(kind: str, found: Found) -> list[Setting]:
    rows = found.held_out_answers if kind == "rlvr" else found.held_out
    if not rows or kind == "warmup":
        return []
    why = f"steps between validations on rows of the {rows:,} held out; the best checkpoint is kept"
    return [Setting("validate_every", EVERY, why)]


def _power_of_two(number: int, up: bool = False) -> int:
    """The next power of two, downwards or up; 1 at least."""
    return 1 << max(0, (max(1, number) - 1).bit_length() if up else max(1, number).bit_length() - 1)
