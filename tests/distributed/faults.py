"""One of two processes gets a fault in the rollout of its second step, while the other waits for it.

    python -m tests.distributed.faults FOLDER [CASE ...]
    accelerate launch ... -m tests.distributed.faults FOLDER CASE

Without a launcher the processes are forked from this one, and `CASE.json` tells how they ended. With one, this is one
of them. `CASE.time` is the time of the fault.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed
from transformers import AutoModelForCausalLM

from tests.distributed.ranks import ROLLOUTS, TOKENS, ToldSRL, fork_ranks, reward, rows
from tests.training.test_trainer import arguments
from treadle import SRLConfig
from treadle.miniature.tokenizer import build_tokenizer

WORLD = 2
PATIENCE = 4
"""Seconds for which a process waits for another, as `wait_seconds` in a recipe."""


def raises() -> None:
    raise RuntimeError("a fault of one process")


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs() -> None:
    time.sleep(3600)


FAULTS = {"raises": raises, "killed": killed, "hangs": hangs}


def work(case: str, folder: Path) -> None:
    torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=PATIENCE))
    signal.signal(signal.SIGTERM, lambda *_: None)  # as in a stage, which notes it and wants to finish its step

    class Faulty(ToldSRL):
        def _generate_single_turn(self, *more: Any, **kwargs: Any) -> tuple[list, None]:
            if self.state.global_step == 1 and self.accelerator.process_index == 1:
                (folder / f"{case}.time").write_text(str(time.time()))
                FAULTS[case]()
            return super()._generate_single_turn(*more, **kwargs)

    changes = {"prefix_tree": True, "max_completion_length": TOKENS, "num_generations": ROLLOUTS}
    args = arguments(SRLConfig, folder / case, model_init_kwargs=None, **changes)
    tokenizer = build_tokenizer()
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype="auto")
    trainer = Faulty(model, reward, args, train_dataset=rows(), processing_class=tokenizer)
    trainer.silent = {tuple(tokenizer(text)["input_ids"]): False for text in rows()["prompt"]}
    trainer.train()


def main() -> None:
    folder = Path(sys.argv[1])
    for case in sys.argv[2:] or FAULTS:
        if "RANK" in os.environ:
            work(case, folder)
            continue
        ended = fork_ranks(WORLD, work, case, folder, seconds=3 * PATIENCE)
        (folder / f"{case}.json").write_text(json.dumps(ended))


if __name__ == "__main__":
    main()
