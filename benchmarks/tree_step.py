"""A whole optimizer step in stock TRL and in treadle: generation, rewards, log-probs, backward, AdamW.

One step takes one trajectory of the workload with all its rollouts. Both trainers get the same prompts, micro-batches
of the same number of rows, completions of the same fixed length and no dynamic sampling; everything else is their
default, but for gradient checkpointing, which `--checkpointing` turns on in both.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from typing import Any

from datasets import Dataset
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from tree_workloads import MODELS, clock, model_of, siblings, workload
from trl import GRPOConfig, GRPOTrainer

from treadle import SRLConfig, SRLTrainer


class StepTimes(TrainerCallback):
    """Seconds of each optimizer step, generation included."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self._began = clock()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds.append(clock() - self._began)


def tokenizer_of(vocab: int) -> PreTrainedTokenizerFast:
    """Words are token numbers."""
    words = Tokenizer(WordLevel({str(i): i for i in range(vocab)}, unk_token="0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="1", pad_token="2")


def any_reward(completion_ids: list[list[int]], **kwargs: Any) -> list[float]:
    return [ids[0] % 7 / 7 for ids in completion_ids]


def step_seconds(name: str, arguments: argparse.Namespace, kind: str, seed: int) -> float:
    """Seconds of one optimizer step of `name` ("stock" or "treadle") on the trajectory of `seed`."""
    vocab = MODELS[arguments.model]["vocab_size"]
    rows = workload(kind, arguments.scale, vocab, seed)
    prompts = [" ".join(map(str, ids)) for ids in rows.prompts()[:: siblings(kind)]]
    micro_batch = arguments.micro_batch
    settings = {
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": len(rows.input_ids) // micro_batch,
        "num_generations": siblings(kind),
        "max_completion_length": rows.completion,
        "generation_kwargs": {"min_new_tokens": rows.completion},
        "max_steps": 1,
        "shuffle_dataset": False,
        "gradient_checkpointing": arguments.checkpointing,
        "use_cpu": arguments.device == "cpu",
        "bf16": arguments.dtype == "bfloat16",
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "logging_strategy": "no",
        "seed": seed,
    }
    ours = {"prompts_per_step": None, "dynamic_sampling": False, "log_rollouts": False}
    times = StepTimes()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "stock":
            cls, config = GRPOTrainer, GRPOConfig(folder, **settings)
        else:
            cls, config = SRLTrainer, SRLConfig(folder, **settings, **ours)
        data = Dataset.from_list([{"prompt": prompt, "trajectory_id": "one"} for prompt in prompts])
        trainer = cls(
            model_of(arguments),
            any_reward,
            config,
            train_dataset=data,
            processing_class=tokenizer_of(vocab),
            callbacks=[times],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return times.seconds[0]
