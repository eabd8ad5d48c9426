"""Train the same steps in one process and in several, with completions that are told and not drawn.

    python -m tests.distributed.ranks FOLDER [CASE ...]

Every case is run by processes forked from this one, which has imported everything and computed nothing, and leaves
`CASE.pt` with final weights, logs and what each rank forwarded, and `CASE.json` with exit codes and seconds.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from accelerate import DistributedType, FullyShardedDataParallelPlugin, PartialState
from datasets import Dataset
from peft import LoraConfig
from safetensors.torch import load_file
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM
from trl import GRPOConfig, GRPOTrainer

from tests.training.test_trainer import arguments
from treadle import SRLConfig, SRLTrainer
from treadle.chat.chat import Chat
from treadle.data.prompts.asking import PLAIN
from treadle.miniature.tokenizer import build_tokenizer
from treadle.recipe import publishing
from treadle.training.prefixes.reverse import Reverse
from treadle.training.prompt_order import PromptStream

ROLLOUTS = 4
STEPS = 3
PROMPTS = 8  # of one step
WORDS = "take the number and add "
SILENT = {4, 5, 6, 7, 10, 11}  # prompts whose completions never end and are masked: of whole ranks in the first step
TOKENS = 7
SEED = 3  # of `arguments`
# Prompts whose rewards are all alike: four of the first step's, none that is drawn in their place, so that single and
# several processes draw as many.
DRAWN = list(PromptStream(8 * STEPS, SEED + 1).draw(4))
DULL = [number for number in range(8) if number not in DRAWN][:4]

# Processes, and how accelerate shards the model ("rows" is DDP without the tree). "kl" adds a reference model and
# several updates of a generation, "sampling" drops groups and draws others, "surplus" so many that some wait for the
# next generation, and lets prompts rest; "lora" trains an adapter and leaves the weights that a stage saves, merged;
# "prefix" begins prompts with what a policy gives, and has the likelihood of that in the loss.
CASES = {
    "stock": (1, None),
    "stock-kl": (1, None),
    "ddp2": (2, "ddp"),
    "ddp4": (4, "ddp"),
    "fsdp2": (2, "fsdp"),
    "fsdp4": (4, "fsdp"),
    "ddp2-kl": (2, "ddp"),
    "fsdp2-kl": (2, "fsdp"),
    "single-sampling": (1, "rows"),
    "ddp2-sampling": (2, "ddp"),
    "ddp4-sampling": (4, "ddp"),
    "ddp2-sampling-rows": (2, "rows"),
    "single-surplus-sampling": (1, "rows"),
    "ddp4-surplus-sampling": (4, "ddp"),
    "single-lora": (1, "ddp"),
    "fsdp2-lora": (2, "fsdp"),
    "single-prefix": (1, "rows"),
    "ddp2-prefix": (2, "ddp"),
}


def rows() -> Dataset:
    """Trajectories of four growing prompts, of different length."""
    return Dataset.from_list(
        [
            {"prompt": f"problem {t} {WORDS}" + f"step {t} {WORDS}" * k * (1 + t % 3), "number": 4 * t + k}
            for t in range(2 * STEPS)
            for k in range(4)
        ]
    )


def rows_with_steps() -> Dataset:
    """The same as messages, with the steps of a solution."""
    return rows().map(
        lambda row: {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "trajectory_id": str(row["number"]),
            "prefix_texts": [f"step {k} {WORDS}" for k in range(2 + row["number"] % 3)],
        }
    )


class Told:
    """Completions made from the prompt's tokens and the place among its siblings."""

    def _generate_single_turn(self, prompt_ids: list[list[int]], *more: Any, **kwargs: Any) -> tuple[list, None]:
        self.forwarded: list[int]
        completions, seen = [], {}
        for prompt in prompt_ids:
            number = int(self._tokenizer.decode(prompt).split()[1]) * 4 + len(prompt) % 4
            sibling = seen[tuple(prompt)] = seen.get(tuple(prompt), -1) + 1
            draw = torch.Generator().manual_seed(1000 * number + sibling + len(prompt))
            length = int(torch.randint(2, TOKENS, (), generator=draw))
            tokens = torch.randint(5, 30, (TOKENS,), generator=draw).tolist()
            silent = self.silent.get(tuple(prompt), False)
            completions.append(tokens if silent else [*tokens[:length], self._tokenizer.eos_token_id])
        return completions, None


class ToldStock(Told, GRPOTrainer):
    pass


class ToldSRL(Told, SRLTrainer):
    pass


class ToldSharded(ToldSRL):
    """Under accelerate's FSDP2, which `accelerate launch` offers for accelerators alone; its code runs on CPUs too."""

    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        state = self.accelerator.state
        state.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
        state.fsdp_plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=["Qwen2DecoderLayer"],
            reshard_after_forward=True,
            state_dict_type="FULL_STATE_DICT",
        )
        self.is_fsdp_enabled = True


def reward(completion_ids: list[list[int]], **kwargs: Any) -> list[float]:
    return [sum(ids) % 11 / 11 for ids in completion_ids]


def sampling_reward(completion_ids: list[list[int]], number: list[int], **kwargs: Any) -> list[float]:
    return [0.0 if n in DULL else sum(ids) % 11 / 11 for ids, n in zip(completion_ids, number, strict=True)]


def work(case: str, folder: Path) -> None:
    """Train in this process, one of the case's."""
    world, kind = CASES[case]
    changes = {
        "per_device_train_batch_size": 8 // world if world < 4 else 2,
        "gradient_accumulation_steps": 4,
        "num_generations": ROLLOUTS,
        "max_completion_length": TOKENS,
        "max_steps": STEPS,
        "learning_rate": 0.5,
        "optim": "sgd",
        "shuffle_dataset": False,
        "mask_truncated_completions": True,
        "model_init_kwargs": None,
        **({"beta": 0.1, "num_iterations": 2} if case.endswith("kl") else {}),
    }
    stock = kind is None
    prefixed = case.endswith("prefix")
    sampling = "sampling" in case or prefixed
    additions = {} if stock else {"prefix_tree": kind != "rows", "max_tree_tokens": 100, "dynamic_sampling": sampling}
    if "surplus" in case:
        additions |= {"refill": "full", "rest_after": 1}
    if sampling:
        additions |= {"log_rollouts": True}
    if prefixed:
        additions |= {"prefix_loss": 0.5}
    cls = {None: ToldStock, "ddp": ToldSRL, "rows": ToldSRL, "fsdp": ToldSharded}[kind]
    config = GRPOConfig if stock else SRLConfig
    args = arguments(config, folder / case, **changes, **additions)
    tokenizer = build_tokenizer()
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype="auto")
    data = rows_with_steps() if prefixed else rows()
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM") if case.endswith("lora") else None
    function = sampling_reward if sampling else reward
    more = {"prefix_policy": Reverse()} if prefixed else {}
    trainer = cls(model, function, args, train_dataset=data, processing_class=tokenizer, peft_config=lora, **more)
    prompts = [tuple(tokenizer(text)["input_ids"]) for text in rows()["prompt"]]
    trainer.silent = {prompt: number in SILENT for prompt, number in zip(prompts, data["number"], strict=True)}
    unmasked = []
    compute_loss = trainer.compute_loss

    def watched(network: Any, inputs: Any, *more: Any, **kwargs: Any) -> torch.Tensor:
        unmasked.append(None if inputs is None else int(inputs["completion_mask"].sum()))
        return compute_loss(network, inputs, *more, **kwargs)

    trainer.compute_loss = watched
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.train()
    if lora is None:
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    else:
        (folder / case).mkdir(exist_ok=True)
        base = str(folder / "model")
        chat, target = Chat(trainer.processing_class), folder / case / "model"
        publishing.save(trainer, base, chat, PLAIN, target, None, lambda alone: "a card\n")
        weights = load_file(folder / case / "model" / "model.safetensors")
    everyone = [None] * world
    if world > 1:
        torch.distributed.all_gather_object(everyone, unmasked)
    else:
        everyone = [unmasked]
    if trainer.accelerator.is_main_process:
        weights = {name: value.cpu() for name, value in weights.items()}
        logs = [log for log in trainer.state.log_history if "loss" in log]
        used = getattr(trainer, "tree_is_used", False)
        sharded = any(isinstance(p, DTensor) for p in trainer.model_wrapped.parameters())
        found = {"weights": weights, "logs": logs, "unmasked": everyone, "tree_is_used": used, "sharded": sharded}
        torch.save(found, folder / f"{case}.pt")
    together_to_the_end()


def together_to_the_end() -> None:
    """Wait for the other processes; the process group is left to the end of this one.

    Taken down by Python, gloo's group can wait for its thread while that waits for Python to free a finished gather, in
    3 of 17 runs of one case (torch 2.13: `~ProcessGroupGloo` joins under the GIL, which `~AsyncAllgatherWork` needs).
    """
    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def _rank(target: Any, arguments: tuple, rank: int, world: int, port: int) -> None:
    if world > 1:
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(world),
            LOCAL_WORLD_SIZE=str(world),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=str(port),
            ACCELERATE_USE_CPU="true",
        )
    torch.set_num_threads(1)
    target(*arguments)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def fork_ranks(world: int, target: Any, *arguments: Any, seconds: float = 240) -> dict[str, Any]:
    """Run `target` in so many processes; how they ended, with `None` as the exit code of one that did not."""
    began, port = time.monotonic(), free_port()
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=_rank, args=(target, arguments, rank, world, port)) for rank in range(world)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(max(0.0, began + seconds - time.monotonic()))
    codes = [process.exitcode for process in ranks]
    for process in ranks:
        process.kill()
    return {"exit_codes": codes, "seconds": round(time.monotonic() - began, 1)}


def run(case: str, folder: Path) -> None:
    """Run all processes of a case and write down how they ended."""
    (folder / f"{case}.json").write_text(json.dumps(fork_ranks(CASES[case][0], work, case, folder)))


def main() -> None:
    folder = Path(sys.argv[1])
    for case in sys.argv[2:] or CASES:
        run(case, folder)


if __name__ == "__main__":
    main()
