"""Small recipes for hostile tests: one step of each stage, on the model that comes with treadle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STEP = {
    "max_steps": 1,
    "warmup_ratio": 0.0,
    "allow_no_change": True,
    "micro_batch": 4,
    "gradient_checkpointing": False,
}
SFT = {"kind": "sft", **STEP, "batch_size": 4}
SRL = {"kind": "srl", **STEP, "prompts_per_step": 2, "rollouts": 2, "max_completion_length": 16}


def recipe(**changes: Any) -> dict[str, Any]:
    """A recipe over the folder `prepared`, with its output in `run`."""
    content = {"model": "miniature", "data": "prepared", "output": "run", "threads": 1, "stages": [SFT, SRL]}
    return {**content, **changes}


def write(folder: Path, **changes: Any) -> Path:
    """The same as a file; JSON is YAML."""
    file = folder / "recipe.yaml"
    file.write_text(json.dumps(recipe(**changes)))
    return file
