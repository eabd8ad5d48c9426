"""The plan as text: one table of memory and one of time for each stage, and what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from treadle.plan.estimate import StagePlan
from treadle.plan.hardware import GIB, Hardware
from treadle.plan.parts import BOTH
from treadle.recipe.schema import Recipe, SFTStage
from treadle.repository import in_repository

_PAGE = in_repository("docs/plan.md")


def as_text(plans: Sequence[StagePlan], recipe: Recipe, hardware: Hardware) -> str:
    """All stages, for people. Every figure is an estimate, and says what it rests on."""
    return "\n".join(_lines(plans, recipe, hardware))


def _lines(plans: Sequence[StagePlan], recipe: Recipe, hardware: Hardware) -> Iterator[str]:
    each = "its memory not given" if hardware.memory is None else f"{hardware.memory:g} GiB each"
    yield f"{recipe.model} on {hardware.gpus} x {hardware.device}, {each}, sharding {hardware.sharding}."
    yield f"Estimated, not measured; {_PAGE} says what is counted, what is assumed, and what is left out."
    for plan in plans:
        yield f"\n## {plan.stage.name}"
        yield _tokens(plan)
        if plan.no_tree:
            yield f"Without the prefix tree: {plan.no_tree}."
        yield ""
        yield from _memory(plan)
        yield ""
        yield from _time(plan, hardware)
        yield ""
        yield from _verdict(plan, hardware)


def _tokens(plan: StagePlan) -> str:
    prompts, load = plan.prompts, plan.load
    if isinstance(plan.stage, SFTStage):
        return f"Rows of {prompts.mean:,.0f} tokens, the longest {prompts.longest:,} ({prompts.rests_on})."
    return (
        f"Prompts of {prompts.mean:,.0f} tokens, the longest {prompts.longest:,}; {prompts.distinct:,.0f} of them not "
        f"in the prompt before ({prompts.rests_on}). {load.rows:,} completions a step and device, of up to "
        f"{plan.stage.max_completion_length:,} tokens."
    )


def _memory(plan: StagePlan) -> Iterator[str]:
    yield "| memory of one device, GiB | rollout | update | rests on |"
    yield "|---|---|---|---|"
    for part in plan.parts:
        cells = [_size(part.bytes) if phase in part.phases else "" for phase in BOTH]
        yield f"| {part.name} | {cells[0]} | {cells[1]} | {part.rests_on} |"
    totals = [_size(sum(part.bytes for part in plan.parts if phase in part.phases)) for phase in BOTH]
    yield f"| **together** | {totals[0]} | {totals[1]} | |"


def _time(plan: StagePlan, hardware: Hardware) -> Iterator[str]:
    yield "| one optimizer step | PFLOP a device | without the tree | seconds | without the tree | rests on |"
    yield "|---|---|---|---|---|---|"
    for part in plan.durations:
        cells = [part.operations / 1e15, part.without_tree and part.without_tree / 1e15]
        cells += [part.seconds, part.seconds_without_tree]
        yield f"| {part.name} | {' | '.join(_number(x) for x in cells)} | {part.rests_on} |"
    known = [part.seconds for part in plan.durations if part.seconds is not None]
    if len(known) == len(plan.durations):
        alone = sum(p.seconds if p.seconds_without_tree is None else p.seconds_without_tree for p in plan.durations)
        trees = plan.load.tree
        yield f"| **together** | | | {_number(sum(known))} | {_number(alone) if trees else ''} | |"
    given = (
        f"{hardware.tflops:g} TFLOP/s x {hardware.utilisation:g}" if hardware.tflops else "no --tflops, so no seconds"
    )
    note = f"Seconds of the update: {given}."
    if plan.sampling_rounds > 1:
        note += f" One sampling round; dynamic sampling may take up to {plan.sampling_rounds}."
    if plan.stage.validate_every:
        note += f" Validation, every {plan.stage.validate_every:,} steps, comes on top."
    yield note


def _verdict(plan: StagePlan, hardware: Hardware) -> Iterator[str]:
    text = f"{_size(plan.peak)} GiB at the most, in the {plan.phase}"
    if plan.fits is None:
        yield f"{text}. Give --gpu-memory to see whether that fits."
        return
    if plan.fits:
        share = plan.peak / (hardware.memory * GIB)
        yield f"FITS: {text}, {share:.0%} of {hardware.memory:g} GiB." + (
            " That leaves little for fragmentation and the CUDA context." if share > TIGHT else ""
        )
        return
    largest = max((part for part in plan.parts if plan.phase in part.phases), key=lambda part: part.bytes)
    yield f"DOES NOT FIT: {text}, of {hardware.memory:g} GiB; {_size(largest.bytes)} of it {largest.name}."
    if plan.advice:
        yield "It would fit with" + (" any of:" if len(plan.advice) > 1 else ":")
        yield from (f"  {line}" for line in plan.advice)
    else:
        yield f"Nothing that was tried makes it fit ({_PAGE}); take a smaller model or more memory."


TIGHT = 0.9
"""Share of the memory from which on a plan says that little is left."""


def _size(size: float) -> str:
    gib = size / GIB
    return f"{gib:,.2f}" if gib >= 0.01 else f"{gib:.5f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
