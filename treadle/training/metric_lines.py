"""What is read back of `metrics.jsonl`: by a stage that goes on, and by what looks at a finished one.

A line holds what transformers, TRL and callbacks log; of that only what treadle computes with has to be as it was
written. The rest may be anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Required

from pydantic import Field
from typing_extensions import TypedDict

from treadle.files.typed import STRICT, Count, checked
from treadle.scoring.completion import FormatFault
from treadle.training.sampling import Drop

Log = dict[str, Any]
REMEDY = "delete this line, then run the same command again"

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_KNOWN = (
    "loss",
    "learning_rate",
    "grad_norm",
    "reward",
    "similarity",
    "similarity_floor",
    "frac_reward_zero_std",
    "completions/clipped_ratio",
    "sampling/kept_groups",
    "sampling/filled_groups",
    *(f"format/{fault}" for fault in FormatFault),
    *(f"sampling/dropped/{reason}" for reason in Drop),
)
Logged = TypedDict(
    "Logged",
    {
        "step": Required[Count],
        "seconds": Required[Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]],
        **dict.fromkeys(_KNOWN, _Finite | None),
    },
    total=False,
)
"""A line: `step`, `seconds` of training so far, and metrics, which are null where they were not finite."""
Logged.__pydantic_config__ = STRICT


def read_metrics(path: Path) -> list[Log]:
    """The lines of a `metrics.jsonl`; none where there is no file.

    Raises:
        OutputError: A line is not as it was written.
    """
    if not path.is_file():
        return []
    with path.open("rb") as file:
        return [log_of(line, f"{path}, line {number}") for number, line in enumerate(file, 1)]


def log_of(line: bytes, where: str) -> Log:
    """A line of `metrics.jsonl`; `where` names it. Raises `OutputError` as `read_metrics`."""
    try:
        log = json.loads(line)
    except (ValueError, RecursionError):
        log = line[:60]
    checked(Logged, log, where, REMEDY)
    return log
