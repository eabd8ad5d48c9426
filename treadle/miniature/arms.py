"""The arms of the quick start: what is trained, from which model, and for how long.

Every arm is an ordinary recipe that `treadle.recipe.stages` runs. Lengths are numbers of optimizer steps, so that a
seed gives the same result on a fast and a slow machine; they were set so that `rlvr` takes at least as long
as `srl_rlvr` with the `srl` before it, and `srl_continued` nearly as long as the second stage of `srl_rlvr`. The
table shows the seconds that each arm really took.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.data.instances import Targets
from treadle.miniature.world import Style

STEP_TOKENS = 52
SOLUTION_TOKENS = 420

# An arm that sees no signal is a result of the comparison, not the end of it.
_TRAINING = {"micro_batch": 64, "adam_beta2": 0.95, "gradient_checkpointing": False, "save_every": 1000}
_TRAINING |= {"allow_no_change": True}
_RL = {**_TRAINING, "learning_rate": 1e-4, "clip_high": 0.28, "max_sampling_rounds": 2, "warmup_ratio": 0.05}
_SFT = {
    **_TRAINING,
    "kind": "sft",
    "unit": "both",
    "batch_size": 64,
    "micro_batch": 16,
    "learning_rate": 5e-4,
    "warmup_ratio": 0.1,
    "trl": {"train_sampling_strategy": "group_by_length"},  # single steps and whole solutions: ten times the length
}

SRL = {**_RL, "kind": "srl", "prompts_per_step": 32, "max_completion_length": STEP_TOKENS}
RLVR = {**_RL, "kind": "rlvr", "prompts_per_step": 16, "max_completion_length": SOLUTION_TOKENS}


@dataclass(frozen=True)
class Demonstrations:
    """How the expert's solutions are written and prepared; the problems are the same for all arms of a seed.

    Args:
        thoughts: Style of the expert's thoughts.
        targets, give_title: As `treadle prepare` has them. A step's title is its operation.
    """

    thoughts: Style = "verbose"
    targets: Targets = "all"
    give_title: bool = False

    @property
    def name(self) -> str:
        """Of their folder."""
        changed = [self.targets] * (self.targets != "all") + ["titles"] * self.give_title
        return "-".join(["data", self.thoughts, *changed])

    @property
    def title(self) -> str:
        """On the board."""
        changed = [" without the last step"] * (self.targets != "all") + [" with titles"] * self.give_title
        return f"{self.thoughts} demonstrations{''.join(changed)}"


@dataclass(frozen=True)
class Arm:
    """One line of the table.

    Args:
        title: Its name in the table.
        stage: What is trained; `None` for the base.
        after: The arms whose model it starts from; of several, the one that solves most validation problems. The base
            if there are none.
        reads: The demonstrations that it learns from.
        full: Only run with `--full`.
    """

    name: str
    title: str
    stage: dict[str, Any] | None
    after: tuple[str, ...] = ()
    reads: Demonstrations = Demonstrations()
    full: bool = False


MAIN = (
    Arm("srl", "SRL", {**SRL, "max_steps": 20}),
    Arm("rlvr", "RLVR", {**RLVR, "max_steps": 54}),
    Arm("srl_rlvr", "SRL then RLVR", {**RLVR, "max_steps": 16}, after=("srl",)),
    Arm("srl_continued", "SRL continued", {**SRL, "max_steps": 64}, after=("srl",)),
    Arm("sft_traces", "SFT on verbose traces", {**_SFT, "target": "traces", "epochs": 3}),
    Arm("sft_actions", "SFT on actions", {**_SFT, "target": "actions", "epochs": 8}),
    Arm("base", "base", None),
)

POLICIES = ("reverse", "anneal", "adaptive", "on_failure", "guidance")
PREFIXES = tuple(f"prefix_{policy}" for policy in POLICIES)


def _prefixed(policy: str) -> Arm:
    """RLVR that is given the first of the expert's actions; how many is the policy's choice.

    It has as many steps as `rlvr`. They are shorter as long as little is left to write, and longer where thoughts grow.
    """
    title = f"RLVR with prefixes, {policy.replace('_', ' ')}"
    return Arm(f"prefix_{policy}", title, {**RLVR, "prefix": {"policy": policy}, "max_steps": 54}, full=True)


ABLATIONS = (
    *map(_prefixed, POLICIES),
    Arm("prefix_rlvr", "best prefixes then RLVR", {**RLVR, "max_steps": 16}, after=PREFIXES, full=True),
    Arm("sft_rlvr", "SFT on actions then RLVR", {**RLVR, "max_steps": 40}, after=("sft_actions",), full=True),
    # The whole solution rewarded at once by its similarity (RLVR rewards its end), and every group kept.
    Arm("one_step", "one-step similarity", {**RLVR, "kind": "srl", "unit": "solution", "max_steps": 30}, full=True),
    Arm(
        "srl_all_groups", "SRL without dynamic sampling", {**SRL, "max_steps": 20, "dynamic_sampling": False}, full=True
    ),
    # What a prompt shows of the step that it asks for, and which steps are asked for.
    Arm("srl_titles", "SRL, title given", {**SRL, "max_steps": 20}, reads=Demonstrations(give_title=True), full=True),
    Arm(
        "srl_skip_last",
        "SRL without the last step",
        {**SRL, "max_steps": 20},
        reads=Demonstrations(targets="skip_last"),
        full=True,
    ),
    # What a teacher who thinks like the student would give, and RLVR that keeps the skill of single steps.
    Arm(
        "sft_oracle",
        "SFT in the student's style",
        {**_SFT, "target": "traces", "epochs": 3},
        reads=Demonstrations(thoughts="careful"),
        full=True,
    ),
    Arm("srl_rlvr_longer", "SRL then RLVR, longer", {**RLVR, "max_steps": 28}, after=("srl",), full=True),
    Arm(
        "srl_mixed",
        "SRL then RLVR with steps, longer",
        {**RLVR, "step_share": 0.25, "max_steps": 28},
        after=("srl",),
        full=True,
    ),
)
ARMS = (*MAIN, *ABLATIONS)


def recipe_of(arm: Arm, model: str, data: Path, output: Path, seed: int) -> dict[str, Any]:
    """The recipe of an arm with a stage, as `treadle.recipe.reading.parse_recipe` reads it."""
    return {
        "model": model,
        "data": str(data),
        "output": str(output),
        "seed": seed,
        "dtype": "float32",
        "threads": 1,
        "stages": [arm.stage],
    }
