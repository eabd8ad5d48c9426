"""treadle: train small open language models on hard multi-step tasks from expert trajectories.

The public names are loaded when they are first used, so that `import treadle` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Step": "trajectory",
    "Trajectory": "trajectory",
    "StepInstance": "trajectory",
    "read_trajectories": "sources",
    "ReadReport": "sources.report",
    "DropReason": "sources.report",
    "step_instances": "instances",
    "load_rows": "rows",
    "Completion": "completion",
    "FormatFault": "completion",
    "parse_completion": "completion",
    "step_similarity": "rewards",
    "srl_reward": "rewards",
    "solution_reward": "rewards",
    "final_answer_reward": "rewards",
    "tree_logps": "tree",
    "SRLConfig": "srl_config",
    "SRLTrainer": "trainer",
    "TreadleError": "errors",
}

__all__ = sorted(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"treadle.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'treadle' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
