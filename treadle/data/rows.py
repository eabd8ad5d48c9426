"""Rows of an RL trainer, rendered when they are asked for.

A row is a reference to a trajectory and, for a single step, to the step. The trajectories lie in a memory-mapped
file (`treadle.files.row_copies`), so that neither they nor the prompts are held in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value

from treadle.data.contrast import Contrasts, pool_of
from treadle.data.instances import Rendering, step_instance
from treadle.data.prepared import Prepared, Split
from treadle.data.prepared_files import stored, trajectory_of
from treadle.data.prompts import solve_prompt
from treadle.data.prompts.asking import PLAIN, Asking, in_a_box
from treadle.data.solutions import Given
from treadle.domains.registry import find
from treadle.domains.setups import SETUP
from treadle.scoring.answers import boxes
from treadle.trajectory import Trajectory

WHOLE = 0
"""The step of a row that asks for the whole solution."""

_FEATURES = Features({"trajectory": Value("int32"), "step": Value("int16")})


class Renderer:
    """Turns a batch of references into rows with the columns `trajectory_id`, `step`, `prompt`, `expert_action`,
    `answer`, `contrast` and `domain` where they are asked for, and those of `Given` where a prefix is given. `step` is
    null for a whole solution. With `tasks` there are the columns `domain`, `problem` and `setup` (JSON, or null), which
    a domain's own verdict judges by.

    Args:
        file: Parquet file of trajectories.
        rendering: How the prompts of single steps are rendered.
        whole_action: Whether a whole solution comes with the expert's, as the target of a similarity reward.
        asking: What prompts ask for, and their worked examples.
        contrasts: Chooses the other experts' actions that a step is held against; `None` for no such column.
        given: Adds what a prefix policy gives of the solution; `None` for no such columns.
        domains: Whether there is a column `domain`.
        tasks: Whether there are the columns of a task.
    """

    def __init__(
        self,
        file: Path,
        rendering: Rendering,
        whole_action: bool = False,
        asking: Asking = PLAIN,
        contrasts: Contrasts | None = None,
        given: Given | None = None,
        domains: bool = False,
        tasks: bool = False,
    ) -> None:
        self._arguments = (file, rendering, whole_action, asking, contrasts, given, domains, tasks)
        self._rendering, self._whole_action, self._domains, self._tasks = rendering, whole_action, domains, tasks
        self._asking, self._contrasts, self._given = asking, contrasts, given
        self._stored = stored(file)
        self._trajectory = lru_cache(maxsize=64)(self._read)  # the steps of a trajectory are often asked for together

    def __reduce__(self) -> tuple[Any, ...]:
        return Renderer, self._arguments

    def __call__(self, batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        rows = [self._row(*pair) for pair in zip(batch["trajectory"], batch["step"], strict=True)]
        return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}

    def _read(self, number: int) -> Trajectory:
        return trajectory_of(self._stored[number], self._arguments[0], number)

    def _row(self, number: int, step: int) -> dict[str, Any]:
        trajectory = self._trajectory(number)
        row = {"trajectory_id": trajectory.id, "step": step or None, "answer": trajectory.answer}
        if self._contrasts is not None:
            row["contrast"] = self._contrasts.of(trajectory, step) if step else None
        if self._domains or self._tasks:
            row["domain"] = trajectory.domain
        if self._tasks:
            setup = trajectory.meta.get(SETUP)
            row |= {"problem": trajectory.problem, "setup": None if setup is None else json.dumps(setup)}
        if self._given is not None:
            row |= self._given.columns(trajectory if step == WHOLE else None, self._asking)
        if step == WHOLE:
            action = whole_solution(trajectory) if self._whole_action else None
            prompt = solve_prompt(trajectory.domain, trajectory.problem, self._asking)
            return {**row, "prompt": prompt, "expert_action": action}
        instance = step_instance(trajectory, step, self._rendering, self._asking)
        return {**row, "prompt": instance.prompt, "expert_action": instance.expert_action}


def whole_solution(trajectory: Trajectory, steps: Sequence[str] | None = None) -> str:
    """All actions, and what the expert wrote after the last step: it often is the only place of the boxed answer.

    A solution that gives its answer without a box ends with a sentence that has one, in the place of GSM8K's line
    `#### 72` where it has that: the prompt of a whole solution asks for a box, and graders look for one. What an empty
    line parts when it is cut into actions (`split: blocks`) is joined by one.

    Args:
        steps: Texts of the steps, where they are other than the actions.
    """
    epilogue = str(trajectory.meta.get("epilogue") or "").strip()
    texts = [step.action for step in trajectory.steps] if steps is None else list(steps)
    domain = find(trajectory.domain)
    if trajectory.answer and domain.boxed and not boxes("\n".join([*texts, epilogue])):
        kept = [line for line in epilogue.splitlines() if not line.startswith("####")]
        epilogue = "\n".join([*kept, in_a_box(trajectory.answer)])
    between = "\n\n" if domain.split == "blocks" else "\n"
    return between.join([*texts, *[epilogue] * bool(epilogue)])


def references(pairs: Iterable[tuple[int, int]]) -> Dataset:
    """A data set of references from pairs of a trajectory's row number and a step."""
    numbers, steps = zip(*pairs, strict=True) if (pairs := list(pairs)) else ((), ())
    return Dataset.from_dict({"trajectory": list(numbers), "step": list(steps)}, features=_FEATURES)


def instance_references(prepared: Prepared, split: Split = "train") -> Dataset:
    """The references that `treadle prepare` wrote."""
    return stored(prepared.instance_file(split), _FEATURES)


def rendered(
    references: Dataset,
    prepared: Prepared,
    split: Split = "train",
    whole_action: bool = False,
    asking: Asking = PLAIN,
    contrasts: Contrasts | None = None,
    given: Given | None = None,
    domains: bool = False,
    tasks: bool = False,
) -> Dataset:
    """`references` as rows that are rendered on access, see `Renderer`; also right for a stock `GRPOTrainer`."""
    file, rendering = prepared.trajectory_file(split), prepared.rendering
    columns = Renderer(file, rendering, whole_action, asking, contrasts, given, domains, tasks)
    return references.with_transform(columns)


def load_rows(
    folder: str | Path, split: Split = "train", contrasts: int = 0, seed: int = 0, siblings: bool = True
) -> Dataset:
    """The step instances of a prepared folder as a data set with prompts, for any trainer.

    Args:
        contrasts: Other experts' actions in a column `contrast`, which `margin_reward` and `scaled_reward` read; 0 for
            no such column.
        seed: Of their choice.
        siblings: Take half of them from the row's own trajectory, which is meant for `margin_reward`.

    Raises:
        DataError: The folder was not written by `treadle prepare`.
    """
    prepared = Prepared(folder)
    others = Contrasts(pool_of(prepared, seed), contrasts, seed, siblings) if contrasts else None
    return rendered(instance_references(prepared, split), prepared, split, contrasts=others)
