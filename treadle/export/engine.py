"""What of an export depends on the engine that it is for."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from treadle.export.rows import Columns
from treadle.recipe.schema import Recipe, RLStage
from treadle.recipe.sizes import Sizes

Reasons = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Engine:
    """An engine.

    Args:
        name: As people write it.
        package: Of its modules and templates, in `treadle.export`; also the command's name.
        version: The one whose keys `overrides` has.
        columns: Names of the rows' columns.
        schedulers: Of learning rates that it has.
        metric_prefix: What stands there before the names that `treadle.export.sampling.counts` gives to metrics.
        overrides: A stage's settings by key, from stage (with a number for `sampling_floor`), recipe, sizes, chat, the
            tokens of the longest prompt, and the experiment's name; but for places and the number of devices, which
            `train.sh` sets.
        as_text: A value in the grammar of its command line.
        refusals: Keys of a recipe or of one of its stages that would be another method there, each with the reason and
            what to do, besides those that no engine can do.
        not_carried: Settings of a stage that are left out because they change no method: each with what holds there.
    """

    name: str
    package: str
    version: str
    columns: Columns
    schedulers: Collection[str]
    metric_prefix: str
    overrides: Callable[[RLStage, Recipe, Sizes, Any, int, str], dict[str, Any]]
    as_text: Callable[[Any], str]
    refusals: Callable[[Recipe], Reasons]
    not_carried: Callable[[RLStage, Recipe], dict[str, str]]


def steps_of(stage: RLStage, sizes: Sizes) -> int:
    """Steps of an engine, which are generations: each with as many updates as a stage makes of one."""
    return math.ceil(sizes.optimizer_steps / stage.updates_per_rollout)
