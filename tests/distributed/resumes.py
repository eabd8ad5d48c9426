"""Save a checkpoint in some number of processes and go on in another, with completions that are told and not drawn.

    python -m tests.distributed.resumes FOLDER [CASE ...]

As in `ranks`, processes are forked from this one; a case leaves `CASE.pt` with final weights, `CASE.json` with exit
codes and seconds, and its rollouts in `CASE/rollouts.jsonl`. Every step draws prompts in the place of four that are
dropped, so that the place in the stream of further prompts counts as well.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, TrainerCallback

from tests.distributed.ranks import (
    PROMPTS,
    ROLLOUTS,
    SEED,
    TOKENS,
    ToldSharded,
    ToldSRL,
    fork_ranks,
    rows,
    together_to_the_end,
)
from tests.training.test_trainer import arguments
from treadle import SRLConfig
from treadle.miniature.tokenizer import build_tokenizer
from treadle.training.prompt_order import PromptStream

STEPS = 5  # three make an epoch
SAVED = 2
HELD_OUT = 7  # rows of validation, which do not divide among processes
MISSING = 4  # groups that are dropped in each step: they divide among all numbers of processes

# Processes, how accelerate shards the model, and the case whose checkpoint is taken up.
CASES = {
    "straight": (1, "ddp", None),
    "saved-4": (4, "ddp", None),
    "saved-2": (2, "ddp", None),
    "4-to-2": (2, "ddp", "saved-4"),
    "4-to-1": (1, "ddp", "saved-4"),
    "2-to-4": (4, "ddp", "saved-2"),
    "fsdp-saved-4": (4, "fsdp", None),
    "fsdp-4-to-2": (2, "fsdp", "fsdp-saved-4"),
}


def prompts_of_steps() -> list[list[int]]:
    """The rows of each step, in the order of TRL's sampler: a permutation an epoch from one generator."""
    generator = torch.Generator().manual_seed(SEED)
    size = len(rows())
    order = [
        row for _ in range(-(-STEPS * PROMPTS // size)) for row in torch.randperm(size, generator=generator).tolist()
    ]
    return [order[step * PROMPTS : (step + 1) * PROMPTS] for step in range(STEPS)]


def dull_prompts() -> list[set[int]]:
    """For each step the prompts whose rewards are all alike: none that is drawn in the place of another."""
    stream = PromptStream(len(rows()), SEED + 1)
    dull = []
    for step in prompts_of_steps():
        drawn = set(stream.draw(MISSING))
        dull.append(set([number for number in step if number not in drawn][:MISSING]))
    return dull


DULL = dull_prompts()


def reward(completion_ids: list[list[int]], number: list[int], trainer_state: Any, **kwargs: Any) -> list[float]:
    if number[0] < 0:  # validation
        return [sum(ids) / 100 for ids in completion_ids]
    dull = DULL[trainer_state.global_step]
    place = range(len(number))  # breaks ties, so that no other group is dropped by chance
    scores = [(sum(ids) % 11 + i % ROLLOUTS) / 14 for ids, i in zip(completion_ids, place, strict=True)]
    return [0.0 if n in dull else score for n, score in zip(number, scores, strict=True)]


class StopAfter(TrainerCallback):
    """What a batch queue does to a run."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        control.should_training_stop = control.should_training_stop or state.global_step == SAVED
        return control


def work(case: str, folder: Path) -> None:
    world, kind, taken_up = CASES[case]
    args = arguments(
        SRLConfig,
        folder / case,
        per_device_train_batch_size=8 // world,
        gradient_accumulation_steps=4,
        num_generations=ROLLOUTS,
        max_completion_length=TOKENS,
        max_steps=STEPS,
        learning_rate=1e-2,
        adam_epsilon=1e-3,  # AdamW has a state, and nothing is divided by a rounding error
        save_strategy="steps",
        save_steps=SAVED,
        model_init_kwargs=None,
        prefix_tree=True,
        max_tree_tokens=100,
        dynamic_sampling=True,
        log_rollouts=True,
        eval_strategy="steps",
        eval_steps=2,
        per_device_eval_batch_size=2,
        num_generations_eval=1,
    )
    tokenizer = build_tokenizer()
    data = rows()
    held_out = data.select(range(HELD_OUT)).map(lambda row: {"number": -1 - row["number"]})
    stops = [StopAfter()] if "saved" in case else []
    cls = {"ddp": ToldSRL, "fsdp": ToldSharded}[kind]
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype="auto")
    kwargs = {"train_dataset": data, "eval_dataset": held_out, "processing_class": tokenizer, "callbacks": stops}
    trainer = cls(model, reward, args, **kwargs)
    trainer.silent = {tuple(tokenizer(text)["input_ids"]): False for text in data["prompt"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.train(resume_from_checkpoint=taken_up and str(folder / taken_up / f"checkpoint-{SAVED}"))
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if trainer.accelerator.is_main_process:
        found = {
            "weights": {name: value.cpu() for name, value in weights.items()},
            "step": trainer.state.global_step,
            "validated": [
                (log["step"], log["eval_reward"]) for log in trainer.state.log_history if "eval_reward" in log
            ],
        }
        torch.save(found, folder / f"{case}.pt")
    together_to_the_end()


def main() -> None:
    folder = Path(sys.argv[1])
    for case in sys.argv[2:] or CASES:
        ended = fork_ranks(CASES[case][0], work, case, folder)
        (folder / f"{case}.json").write_text(json.dumps(ended))


if __name__ == "__main__":
    main()
