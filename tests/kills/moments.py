"""Where a run is killed: a function of treadle or transformers, at whose n-th call the process kills itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

# Name: module, and the function or method in it before whose call the process dies.
MOMENTS = {
    "stage.json": ("treadle.recipe.folders", "write_whole"),
    "loading": ("treadle.recipe.build", "load_model"),
    "rollout": ("treadle.rollout", "generate_completions"),
    "reward": ("treadle.training.trainer", "SRLTrainer._calculate_rewards"),
    "update": ("transformers", "Trainer.training_step"),
    "gradient": ("transformers", "Trainer._get_grad_norm"),
    "checkpoint write": ("transformers", "Trainer._save_optimizer_and_scheduler"),
    "random state write": ("transformers", "Trainer._save_rng_state"),
    "sealing": ("treadle.training.resume.checkpoints", "write_whole"),
    "publishing": ("treadle.training.resume.checkpoints", "publish"),
    "rotating": ("treadle.training.resume.checkpoints", "rotate"),
    "removing": ("treadle.training.resume.checkpoints", "remove_folder"),
    "summary": ("transformers", "Trainer._finalize_training"),
    "model write": ("treadle.recipe.publishing", "_publish"),
    "between stages": ("treadle.recipe.publishing", "tidy"),
    "metrics line": ("treadle.training.progress", "append_lines"),
    "rollouts line": ("treadle.training.rollout_log", "append_lines"),
}


def arm(moment: str, call: int) -> None:
    """Make this process kill itself at the `call`-th time that it comes to a moment."""
    module_name, path = MOMENTS[moment]
    owner: Any = import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    original: Callable = getattr(owner, name)
    count = [0]

    def deadly(*args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        if count[0] == call:
            if name == "append_lines":
                _half_a_line(*args)
            if name == "remove_folder":
                _half_a_folder(*args)
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, deadly)


def _half_a_line(path: Path, lines: list[str]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(lines[0][: len(lines[0]) // 2])


def _half_a_folder(checkpoint: Path) -> None:
    removed = checkpoint.with_name(f".{checkpoint.name}.removed")
    checkpoint.rename(removed)
    next(path for path in removed.iterdir() if path.is_file()).unlink()
