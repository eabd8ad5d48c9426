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
    "read_trajectories": "data.sources",
    "ReadReport": "data.sources.report",
    "DropReason": "data.sources.report",
    "step_instances": "data.instances",
    "load_rows": "data.rows",
    "Completion": "scoring.completion",
    "FormatFault": "scoring.completion",
    "parse_completion": "scoring.completion",
    "ThoughtTags": "scoring.thoughts",
    "step_similarity": "scoring.rewards",
    "srl_reward": "scoring.rewards",
    "solution_reward": "scoring.rewards",
    "final_answer_reward": "scoring.rewards",
    "margin_reward": "scoring.margin",
    "scaled_reward": "scoring.scaled",
    "weighted_reward": "scoring.weighted",
    "exact_reward": "scoring.exact",
    "edit_reward": "scoring.edit",
    "calls_reward": "scoring.agents",
    "tiered_reward": "scoring.agents",
    "domain_reward": "scoring.of_domain",
    "tree_logps": "tree",
    "SRLConfig": "training.srl_config",
    "SRLTrainer": "training.trainer",
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
