"""The quick start's problems: hard ones to learn from, others to test on, all repeatable from a seed.

Training problems are those that the base fails in each of 16 sampled whole solutions, so that "hard" is
measured and not assumed. Held-out and validation problems are not selected in any way.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prompts import solve_prompt
from treadle.data.sources.native import to_row
from treadle.evaluate.generation import generate
from treadle.evaluate.records import Problem
from treadle.files.links import open_own
from treadle.files.whole import write_whole
from treadle.miniature import world
from treadle.miniature.arms import Demonstrations
from treadle.report.prepared import write_prepare_page
from treadle.scoring.answers import last_boxed

RESERVED = 1000  # held-out and validation problems that no training problem may equal
ATTEMPTS = 16


def held_out_problems(count: int, kind: str = "unseen") -> list[world.Problem]:
    """Problems to test on, the same for all seeds; `kind="validation"` gives others to choose settings with."""
    return [world.make_problem(random.Random(f"{kind}/{i}")) for i in range(count)]


def write_held_out(path: Path, count: int) -> None:
    """The test problems as a file for `treadle evaluate`."""
    rows = [
        {"id": t.id, "problem": t.problem, "answer": t.answer} for t in as_tasks(held_out_problems(count), "held-out")
    ]
    write_whole(path, (json.dumps(row) + "\n" for row in rows))


def as_tasks(problems: Sequence[world.Problem], prefix: str) -> list[Problem]:
    return [Problem(f"{prefix}-{i}", p.text, p.answer, domain="miniature") for i, p in enumerate(problems)]


def candidates(seed: int, start: int, stop: int) -> list[world.Problem]:
    """Training candidates number `start` to `stop` of a seed; none is a held-out or validation problem."""
    taken = {p.text for kind in ("unseen", "validation") for p in held_out_problems(RESERVED, kind)}
    found = []
    for i in range(start, stop):
        rng = random.Random(f"train/{seed}/{i}")
        problem = world.make_problem(rng)
        while problem.text in taken:
            problem = world.make_problem(rng)
        found.append(problem)
    return found


def hard_ones(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[world.Problem],
    max_new_tokens: int,
    seed: int = 0,
) -> list[world.Problem]:
    """Those of `problems` that the model fails in all of 16 whole solutions sampled at temperature 1."""
    torch.manual_seed(seed)
    prompts = [solve_prompt("miniature", p.text) for p in problems for _ in range(ATTEMPTS)]
    texts = [g.text for g in generate(model, tokenizer, prompts, max_new_tokens, temperature=1.0, batch_size=256)]
    solved = {i // ATTEMPTS for i, text in enumerate(texts) if last_boxed(text) == problems[i // ATTEMPTS].answer}
    return [p for i, p in enumerate(problems) if i not in solved]


def write_data(problems: Sequence[world.Problem], folder: Path, demonstrations: Demonstrations) -> None:
    """Expert solutions of `problems`, prepared for training through `treadle prepare`.

    Of most arms all steps are targets: without the closing step nothing teaches the policy to stop.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    source = folder.with_suffix(".jsonl")
    with open_own(source, "w") as file:
        for i, problem in enumerate(problems):
            trajectory = world.expert_trajectory(problem, f"train-{i}", demonstrations.thoughts)
            file.write(json.dumps(to_row(trajectory)) + "\n")
    settings = PrepareSettings(targets=demonstrations.targets, give_title=demonstrations.give_title, held_out=0)
    prepare(source, folder, settings, overwrite=True, page=write_prepare_page)
