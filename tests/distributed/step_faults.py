"""Faults in one of two processes: what both do about them.

    python -m tests.distributed.step_faults FOLDER

Each case leaves `CASE-RANK.json`; as in `ranks`, processes are forked from one that has imported everything.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import warnings
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from tests.distributed.ranks import ROLLOUTS, TOKENS, ToldSharded, ToldSRL, free_port, reward, rows
from tests.training.test_trainer import arguments
from treadle import SRLConfig
from treadle.errors import TrainingFault
from treadle.miniature.tokenizer import build_tokenizer

WORLD = 2
CASES = ("skip", "skip-fsdp", "stop", "rewards", "memory")


def work(case: str, rank: int, folder: Path) -> None:
    """Train three steps; the second process has the fault, in the second step."""
    args = arguments(
        SRLConfig, folder / case, per_device_train_batch_size=4, gradient_accumulation_steps=4,
        num_generations=ROLLOUTS, max_completion_length=TOKENS, max_steps=3, learning_rate=0.5,
        optim="sgd", shuffle_dataset=False, prefix_tree=True, max_tree_tokens=100,
        max_skipped_steps=1 if case == "stop" else 3,
    )  # fmt: skip

    def judged(completion_ids, trainer_state, **kwargs):
        if case == "rewards" and rank == 1 and trainer_state.global_step == 1:
            raise KeyError("answer")
        return reward(completion_ids)

    cls = ToldSharded if case == "skip-fsdp" else ToldSRL
    tokenizer, data = build_tokenizer(), rows()
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype="auto")
    trainer = cls(model, judged, args, train_dataset=data, processing_class=tokenizer)
    trainer.silent = {tuple(tokenizer(text)["input_ids"]): False for text in data["prompt"]}
    compute_loss, history = trainer.compute_loss, []

    def faulty(network, inputs, *more, **kwargs):
        now = rank == 1 and trainer.state.global_step == 1 and trainer.accelerator.sync_gradients
        loss = compute_loss(network, inputs, *more, **kwargs)
        if now and case == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return loss + torch.nan if now and case != "rewards" else loss

    trace = trainer.stateful["halving"].trace

    def ended():
        type(trace).end(trace)
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
        history.append(sum(value.double().sum().item() for value in weights.values()))

    trainer.compute_loss = faulty
    trace.end = ended
    fault = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            trainer.train()
        except TrainingFault as stop:
            fault = str(stop)
    # Sums of weights before the update of each step.
    found = {
        "fault": fault,
        "skipped": trainer.stateful["steps"].skipped,
        "history": history,
        "step": trainer.state.global_step,
    }
    (folder / f"{case}-{rank}.json").write_text(json.dumps(found))
    if fault is None:
        trainer.accelerator.end_training()
    else:
        os._exit(3)  # as the launcher would end the other processes


def _rank(case: str, rank: int, port: int, folder: Path) -> None:
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(WORLD), LOCAL_WORLD_SIZE=str(WORLD),
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), ACCELERATE_USE_CPU="true",
    )  # fmt: skip
    torch.set_num_threads(1)
    work(case, rank, folder)


def main() -> None:
    folder, context = Path(sys.argv[1]), multiprocessing.get_context("fork")
    for case in CASES:
        port = free_port()
        ranks = [context.Process(target=_rank, args=(case, rank, port, folder)) for rank in range(WORLD)]
        for process in ranks:
            process.start()
        # Out of memory in one process ends that one; the other waits for it until the launcher ends it.
        for process in reversed(ranks) if case == "memory" else ranks:
            process.join(2 if case == "memory" and process is ranks[0] else 60)
        for process in ranks:
            process.kill()


if __name__ == "__main__":
    main()
