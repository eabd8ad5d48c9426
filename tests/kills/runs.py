"""Small runs of `treadle train` in processes that can be killed, and what two runs differ in.

Processes are forked from one that has imported everything and computed nothing, so that a start costs little.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.conftest import make_tiny_model
from tests.distributed.ranks import free_port
from tests.kills import moments
from treadle.cli import main as cli
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.miniature import world
from treadle.miniature.tokenizer import build_tokenizer
from treadle.recipe import build, rewards, stages
from treadle.training import progress

PATIENCE = 120.0  # seconds after which a process counts as hanging
SHARED = {"prompts_per_step": 4, "rollouts": 4, "micro_batch": 4, "max_completion_length": 6, "save_every": 2}
SHARED |= {"learning_rate": 1e-3, "gradient_checkpointing": False, "max_sampling_rounds": 3, "allow_no_change": True}
SFT = {"kind": "sft", "max_steps": 5, "batch_size": 4, "micro_batch": 2, "unit": "both", "save_every": 2}
SFT |= {"validate_every": 2, "validation_rows": 4}
SRL = {**SHARED, "kind": "srl", "max_steps": 6, "updates_per_rollout": 2, "think_tags": "optional", "save_every": 3}
SRL |= {"validate_every": 2, "validation_rows": 4, "refill": "full", "rest_after": 1}  # groups wait, prompts rest
RLVR = {**SHARED, "kind": "rlvr", "max_steps": 6, "step_share": 0.5, "refill": "expected"}
RLVR |= {"prefix": {"policy": "on_failure", "loss": 0.1}}  # prompts that are sampled again wait in a checkpoint
TIMES = re.compile(r"seconds.*|step_time|.*_runtime|.*_per_second")  # metrics in which no two runs are alike


def write_inputs(folder: Path) -> None:
    """A tiny model and prepared data."""
    import random

    tokenizer = build_tokenizer()
    make_tiny_model(len(tokenizer)).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    expert = [world.expert_trajectory(world.make_problem(random.Random(f"kill/{i}")), f"p-{i}") for i in range(16)]
    (folder / "world.jsonl").write_text("".join(json.dumps(to_row(t)) + "\n" for t in expert))
    prepare(folder / "world.jsonl", folder / "data", PrepareSettings(targets="all", held_out=2))


def write_recipe(folder: Path, name: str, some_stages: list[dict[str, Any]], **more: Any) -> Path:
    """A recipe whose run is `FOLDER/NAME`."""
    content = {"model": str(folder / "model"), "data": str(folder / "data"), "output": str(folder / name), "seed": 7}
    content |= {"dtype": "float32", "threads": 1, "stages": some_stages, **more}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@dataclass
class Ended:
    """How a process ended: its exit code, -9 after a kill, and seconds from its start to its first new step."""

    code: int | None
    first_step: float | None


def train(
    recipe: Path,
    moment: tuple[str, int] | None = None,
    after: float | None = None,
    processes: int = 1,
    struck: int | None = None,
) -> list[Ended]:
    """`treadle train RECIPE` in new processes.

    Args:
        moment: Kill at the n-th call of one of `moments.MOMENTS`.
        after: Kill after so many seconds.
        struck: Only this process is killed; the others may end as they like, within 15 seconds.
    """
    context = multiprocessing.get_context("fork")
    port = free_port() if processes > 1 else 0
    ranks = []
    for rank in range(processes):
        own = moment if struck in (None, rank) else None
        ranks.append(context.Process(target=_work, args=(recipe, own, rank, processes, port)))
    began = time.monotonic()
    for process in ranks:
        process.start()
    if after is not None:
        ranks[0].join(after)
        for process in ranks:
            process.kill()
    limit = began + PATIENCE
    while (alive := [process for process in ranks if process.exitcode is None]) and time.monotonic() < limit:
        wait([process.sentinel for process in alive], max(0.0, limit - time.monotonic()))
        if struck is not None and ranks[struck].exitcode is not None:
            limit = min(limit, time.monotonic() + 15)
    for process in ranks:
        process.kill()
    ended = []
    for rank, process in enumerate(ranks):
        process.join()
        note = _note(recipe, rank)
        ended.append(Ended(process.exitcode, float(note.read_text()) - began if note.is_file() else None))
        note.unlink(missing_ok=True)
    return ended


def _note(recipe: Path, rank: int) -> Path:
    return recipe.with_suffix(f".first{rank}")


def _work(recipe: Path, moment: tuple[str, int] | None, rank: int, processes: int, port: int) -> None:
    with recipe.with_suffix(f".log{rank}").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if processes > 1:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
        os.environ.update(LOCAL_WORLD_SIZE=str(processes), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        os.environ["ACCELERATE_USE_CPU"] = "true"
    torch.set_num_threads(1)
    _note_first_step(_note(recipe, rank))
    rewards.step_or_answer_reward = share_of_digits
    if moment is not None:
        moments.arm(*moment)
    sys.argv = ["treadle", "train", str(recipe)]
    cli.main()


def share_of_digits(completions: list, answer: list[str], **kwargs: Any) -> list[float]:
    """RLVR's reward here, for even answers: a random model's are never right, which would leave nothing to train on."""
    texts = [completion[0]["content"] for completion in completions]
    shares = [sum(character.isdigit() for character in text) / 6 for text in texts]
    return [share * (right[-1] in "02468") for share, right in zip(shares, answer, strict=True)]


def _note_first_step(note: Path) -> None:
    append: Callable = progress.append_lines

    def noted(path: Path, lines: list[str]) -> None:
        append(path, lines)
        if not note.is_file():
            note.write_text(str(time.monotonic()))

    progress.append_lines = noted


def differences(run: Path, expected: Path) -> dict[str, Any]:
    """What a run that was killed differs in from one that was not, stage by stage.

    Returns:
        `differing` files and leftovers by name, and `bytes_lost`: of lines that are missing or there too often.
    """
    differing, lost = [], 0
    for stage in sorted(path.name for path in expected.iterdir() if path.is_dir()):
        ours, theirs = run / stage, expected / stage
        if sorted(p.name for p in ours.iterdir()) != sorted(p.name for p in theirs.iterdir()):
            differing.append(f"{stage}: {sorted(p.name for p in ours.iterdir())}")
        weights = sorted(file.relative_to(theirs) for file in theirs.glob("model/*.safetensors"))
        unlike = [name for name in weights if (ours / name).read_bytes() != (theirs / name).read_bytes()]
        differing += [f"{stage}/{name}" for name in unlike]
        for name in ("metrics.jsonl", "rollouts.jsonl"):
            found, right = _lines(ours / name), _lines(theirs / name)
            if found != right:
                differing.append(f"{stage}/{name}")
            lost += sum(len(line) * n for line, n in ((Counter(found) - Counter(right)).items()))
            lost += sum(len(line) * n for line, n in ((Counter(right) - Counter(found)).items()))
    return {"differing": differing, "bytes_lost": lost}


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.open(encoding="utf-8")]
    return [json.dumps({k: v for k, v in row.items() if not TIMES.fullmatch(k)}) for row in rows]


IMPORTED = (stages, build)
"""What the processes need, imported before they are forked."""
