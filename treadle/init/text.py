"""A recipe as a YAML file with comments: what was found, what the sizes mean, and the reason of each line."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence

import yaml

from treadle.check.advice import PAGE
from treadle.check.measured import Demonstrations
from treadle.init.found import Found
from treadle.init.sizes import PAPER, Setting
from treadle.recipe.schema import Recipe, RLStage
from treadle.visible import visible

WIDTH = 110


def recipe_text(
    recipe: Recipe,
    found: Found,
    top: Sequence[Setting],
    stages: Sequence[tuple[str, Sequence[Setting]]],
    why: str,
    memory: str,
    command: Sequence[str],
    path: str,
    planned: str,
) -> str:
    """The file.

    Args:
        recipe: What it says.
        top: Settings of the whole run.
        stages: The purpose of each stage, and its settings.
        why: What decided on the stages.
        memory: What the recipe needs of the machine.
        command: That wrote it.
        path: Where it is written.
        planned: Flags of `treadle plan` for the machine that it is for.
    """
    path = shlex.quote(path)
    head = [
        "A first recipe, written by",
        f"  {shlex.join(command)}",
        "What is not said here is the paper's setting; `treadle train --schema` says what each key means.",
        "",
        "What was found",
        *_listed(_facts(found)),
        *_listed([f"memory: {memory}"]),
        "What the sizes of a step mean, for each round of sampling (dynamic sampling may make several)",
        *_listed(sentence for stage in recipe.stages for sentence in _meaning(stage)),
        "Why these stages",
        *_listed([why]),
        "",
        "Next",
        f"  treadle check {path} --sample 192   # lets the model answer: which stages suit it ({PAGE})",
        f"  treadle plan {path}{planned}   # memory and time, estimated",
        f"  treadle train {path} --dry-run      # all checks, no training",
        f"  treadle train {path}",
    ]
    lines = [f"# {visible(line)}".replace("\n", " ").rstrip() for line in head]  # names may hold what ends a comment
    lines += [_line(setting) for setting in top]
    lines.append("stages:")
    for purpose, settings in stages:
        lines.append(f"  # {visible(purpose)}")
        lines += [("  - " if place == 0 else "    ") + _line(setting) for place, setting in enumerate(settings)]
    return "\n".join(lines) + "\n"


def _line(setting: Setting) -> str:
    value = yaml.safe_dump(setting.value, default_flow_style=True, allow_unicode=True, width=10**6)
    value = value.removesuffix("\n").removesuffix("\n...")
    return f"{setting.key}: {value}" + (f"  # {visible(setting.why)}" if setting.why else "")


def _listed(texts: Iterable[str]) -> list[str]:
    """Texts as entries of a list of comments, whatever is in them."""
    lines = []
    for text in texts:
        whole = " ".join(visible(text).split())
        lines += textwrap.wrap(whole, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    return lines


def _facts(found: Found) -> list[str]:
    places = "no limit of positions named" if found.positions is None else f"{found.positions:,} positions"
    speech = found.speech or "thoughts stand between <think> and </think>, as prompts ask"
    facts = [f"model: {_millions(found.parameters)} parameters, {places}; {speech}"]
    if found.answers_only:
        facts.append(f"data: {found.answers:,} problems with answers, without steps; {found.held_out:,} held out")
    else:
        facts.append(
            f"data: {found.trajectories:,} trajectories to train on ({found.answers:,} with a final answer), "
            f"{found.held_out:,} held out, {found.instances:,} steps to learn; {_experts(found.demonstrations)}"
        )
    for what, lengths in (("single steps", found.steps), ("whole problems", found.solutions)):
        if lengths is not None:
            facts.append(f"{what}: prompts of up to {lengths.prompt:,} tokens")
    return facts


def _experts(experts: Demonstrations) -> str:
    who = "agents in an environment" if experts.agents else "solutions"
    return f"{who}, thoughts known in {experts.thoughts:.0%}, two or more steps in {experts.several_steps:.0%}"


def _meaning(stage: object) -> list[str]:
    """What a step of a stage generates, here and with the paper's sizes."""
    if not isinstance(stage, RLStage):
        return []
    paper = PAPER[stage.kind]
    here, there = (_product(one) for one in (stage, paper))
    told = f"{stage.name}: {here}"
    return [told if here == there else f"{told}. The paper's sizes: {there} (2,048 is treadle's own default)"]


def _product(stage: RLStage) -> str:
    completions = stage.prompts_per_step * stage.rollouts
    return (
        f"{stage.prompts_per_step:,} prompts x {stage.rollouts} rollouts = {completions:,} completions, of at most "
        f"{stage.max_completion_length:,} tokens: up to {completions * stage.max_completion_length:,} tokens"
    )


def _millions(count: int) -> str:
    return f"{count / 1e9:.1f} billion" if count >= 1e9 else f"{count / 1e6:,.1f} million"
