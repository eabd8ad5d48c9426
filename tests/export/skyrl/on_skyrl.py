"""What real SkyRL makes of an export, as JSON. Run by SkyRL's Python, not by ours: `test_on_skyrl.py` compares.

    python tests/export/skyrl/on_skyrl.py JOB.json RESULT.json

Nothing of treadle is imported but what runs within SkyRL.
"""

from __future__ import annotations

import asyncio
import json
import sys
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from skyrl.backends.skyrl_train.inference_servers.remote_inference_client import RemoteInferenceClient
from skyrl.backends.skyrl_train.utils.ppo_utils import compute_grpo_outcome_advantage
from skyrl.train.dataset import PromptDataset
from skyrl.train.dataset.preprocess import compute_prompt_mini_batch_boundaries
from skyrl.train.generators.base import TrajectoryID
from skyrl.train.utils import validate_cfg
from skyrl.train.utils.trainer_utils import handle_filter_sampling
from skyrl.utils.tok import get_tokenizer

from treadle.errors import TrainingFault
from treadle.export.skyrl.config import TreadleConfig
from treadle.export.skyrl.generator import TreadleGenerator
from treadle.export.skyrl.main import register
from treadle.export.skyrl.trainer import TreadleTrainer


class Client(RemoteInferenceClient):
    """SkyRL's, with completions that are given in place of a server's."""

    def __init__(self, tokenizer, completions):
        super().__init__("http://nowhere", ["http://nowhere"], data_parallel_size=1, tokenizer=tokenizer)
        self.completions = completions

    async def _generate_single(self, session_id, **told):
        completion = self.completions[int(session_id.split("_")[0])]
        reason = "length" if completion["cut"] else "stop"
        return {"stop_reason": reason, "response_ids": completion["ids"], "response_logprobs": None}

    async def finish_session(self, session_id):
        pass


def main(job: Path, result: Path) -> None:
    told = json.loads(job.read_text())
    register()
    config = TreadleConfig.from_cli_overrides(told["arguments"])
    validate_cfg(config)
    tokenizer = get_tokenizer(config.trainer.policy.model.path, padding_side="left")
    dataset = PromptDataset(config.data.train_data, tokenizer, config.trainer.max_prompt_length, num_workers=1)
    rows = [dataset[number] for number in range(len(dataset))]
    plain = {"ids": [5], "cut": True}
    of_rows = generated(config, tokenizer, [{"prompt": row[0], "extra": row[2], **plain} for row in rows])
    found = {
        "config": asdict(config),
        "rows": [{"prompt": row[0], "env_class": row[1], **row[2], "uid": row[3]} for row in rows],
        "prompts": of_rows["prompt_token_ids"],
        "completions": generated(config, tokenizer, told["completions"]),
        "advantages": advantages(told["advantages"]),
        "groups": [groups(config, case) for case in told["groups"]],
    }
    result.write_text(json.dumps(found))


def generated(config, tokenizer, completions):
    """What the generator makes of completions that the engine gives."""
    generator = TreadleGenerator(
        config.treadle,
        generator_cfg=config.generator,
        skyrl_gym_cfg=config.environment.skyrl_gym,
        inference_engine_client=Client(tokenizer, completions),
        tokenizer=tokenizer,
    )
    asked = {
        "prompts": [completion["prompt"] for completion in completions],
        "env_classes": [config.environment.env_class] * len(completions),
        "env_extras": [dict(completion["extra"]) for completion in completions],
        "sampling_params": None,
        "trajectory_ids": [TrajectoryID(str(number), 0) for number in range(len(completions))],
    }
    output = asyncio.run(generator.generate(asked, disable_tqdm=True))
    json.dumps(asked["env_extras"])  # as SkyRL writes them into files
    names = ("prompt_token_ids", "response_ids", "rewards", "loss_masks", "env_metrics", "rollout_metrics")
    return {name: output[name] for name in names}


def groups(config, case):
    """The step that the trainer makes of rounds of groups, and what SkyRL's own filter keeps of the first."""
    config = deepcopy(config)
    config.trainer.train_batch_size = len(case["rounds"][0])
    config.trainer.policy_mini_batch_size = 1
    config.trainer.algorithm.dynamic_sampling.max_sample_batches = case["cap"]
    for name, value in case["settings"].items():
        setattr(config.treadle, name, value)
    trainer = TreadleTrainer.__new__(TreadleTrainer)
    trainer.cfg, trainer.all_metrics = config, {}
    wanted = {"train_batch_size": 10, "n_samples_per_prompt": 4}  # more than there are: what is kept stays in the state
    *_, own = handle_filter_sampling(*output_of(case["rounds"][0]), wanted, {"sample_batch_count": 1})
    rounds = 0
    try:
        for told in case["rounds"]:
            rounds += 1
            output, names, more = trainer.handle_dynamic_sampling(*output_of(told))
            if not more:
                break
    except TrainingFault as fault:
        return {"said": str(fault)}
    size = config.trainer.train_batch_size
    return {
        "rounds": rounds,
        "groups": [ids[0] for ids in output["response_ids"][::4]],
        "rewards": [sum(rewards) for rewards in output["rewards"]],
        "live": [sum(mask) > 0 for mask in output["loss_masks"][::4]],
        "boundaries": compute_prompt_mini_batch_boundaries(names, 1, size, False, 4),
        "metrics": trainer.all_metrics,
        "again": trainer._found is None,
        "own": [ids[0] for ids in own["collected_generator_output"]["response_ids"][::4]],
    }


def output_of(told):
    """A generator's output of groups, each a number and the rewards of four completions."""
    flat = [(number, score) for number, scores in told for score in scores]
    output = {
        "prompt_token_ids": [[1, 2] for _ in flat],
        "response_ids": [[number, 6] for number, _ in flat],
        "rewards": [[0.0, score] for _, score in flat],
        "loss_masks": [[1, 1] for _ in flat],
        "stop_reasons": ["stop" for _ in flat],
        "rollout_logprobs": None,
        "env_metrics": [{"reward/srl_reward": score} for _, score in flat],
    }
    return output, [f"row {number}" for number, _ in flat]


def advantages(scores):
    """SkyRL's advantages of groups, flat."""
    flat = torch.tensor(scores).flatten()
    rewards_BT = torch.stack([torch.zeros_like(flat), flat], dim=1)
    index = np.repeat(np.arange(len(scores)), len(scores[0]))
    found_BT, _ = compute_grpo_outcome_advantage(rewards_BT, torch.ones_like(rewards_BT), index)
    return found_BT[:, 0].tolist()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
