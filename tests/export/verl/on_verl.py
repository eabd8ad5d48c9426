"""What real verl makes of an export, as JSON. Run by verl's Python, not by ours: `test_on_verl.py` compares.

    python tests/export/verl/on_verl.py JOB.json RESULT.json

Nothing of treadle is imported but what verl imports by its own settings.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import ray
import torch
import transfer_queue as tq
from omegaconf import OmegaConf
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker, migrate_legacy_reward_impl
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage, get_policy_loss_fn
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils import hf_tokenizer
from verl.utils.config import omega_conf_to_dataclass, validate_config
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.utils.import_utils import load_extern_type
from verl.utils.tensordict_utils import list_of_dict_to_tensordict
from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder


def main(job: Path, result: Path) -> None:
    told = json.loads(job.read_text())
    config = migrate_legacy_reward_impl(OmegaConf.load(told["config"]))
    validate_config(config, need_reference_policy(config), need_critic(config))
    tokenizer = hf_tokenizer(config.actor_rollout_ref.model.path)
    found = {
        "needs": [need_reference_policy(config), need_critic(config)],
        "prompts": prompts(config, tokenizer),
        "rewards": asyncio.run(rewards(config, told["completions"])),
        "advantages": advantages(told["advantages"]),
        "loss": policy_loss(config, **told["loss"]),
        "groups": on_ray(lambda: [groups(config, case) for case in told["groups"]]),
    }
    result.write_text(json.dumps(found))


def prompts(config, tokenizer):
    """Rows of verl's data set, each with the tokens that an agent loop begins with."""
    dataset = RLHFDataset(config.data.train_files, tokenizer, config.data)
    builder = create_continuous_token_builder(
        tokenizer, hf_model_type="qwen2", chat_template_kwargs=dict(config.data.get("apply_chat_template_kwargs", {}))
    )
    rows = [dataset[number] for number in range(len(dataset))]
    kept = ("data_source", "ability", "reward_model", "extra_info", "index")
    return [{"ids": builder.build_initial_tokens(row["raw_prompt"]), **{k: row[k] for k in kept}} for row in rows]


async def rewards(config, completions):
    """What a reward worker answers for each completion, given as an agent loop gives it."""
    worker = RewardLoopWorker(config)
    out = []
    for completion in completions:
        prompt_T, response_T = torch.tensor([[1, 2, 3]]), torch.tensor([completion["ids"] + [0, 0]])
        length = 3 + len(completion["ids"])
        attention_T = (torch.arange(length + 2) < length).long()[None]
        batch = {"prompts": prompt_T, "responses": response_T, "attention_mask": attention_T}
        row = {
            name: np.array([completion[name]], dtype=object) for name in ("data_source", "reward_model", "extra_info")
        }
        out.append(await worker.compute_score(DataProto(TensorDict(batch, batch_size=1), row)))
    return out


def groups(config, case):
    """The groups that the replay buffer takes of a real TransferQueue, and its metrics."""
    waiting = iter(case["groups"])

    def sampled(count):
        for _ in range(count):
            put(*next(waiting))
        return count

    def put(uid, scores):
        tq.kv_batch_put(
            keys=[uid], partition_id="train", tags=[{"is_prompt": True, "status": "finished", "global_steps": 1}]
        )
        fields = [
            {
                "rm_scores": torch.tensor([0.0, score]),
                "responses": torch.tensor([5, 6]),
                "extra_fields": {"reward_extra_info": {"score": score, "reward/srl_reward": score}},
            }
            for score in scores
        ]
        keys = [f"{uid}_{number}_0" for number in range(len(scores))]
        tags = [{"status": "success", "global_steps": 1, "seq_len": 5}] * len(scores)
        tq.kv_batch_put(keys=keys, partition_id="train", tags=tags, fields=list_of_dict_to_tensordict(fields))

    sampler = config.trainer.v1.sampler
    settings = OmegaConf.merge(sampler.sampler_kwargs, case["settings"])
    buffer = load_extern_type(sampler.custom_sampler.path, sampler.custom_sampler.name)(
        trainer_mode="sync",
        trainer_config=config.trainer.v1.sync,
        max_off_policy_threshold=sampler.max_off_policy_threshold,
        max_off_policy_strategy=sampler.max_off_policy_strategy,
        sampler_kwargs=settings,
        refill_fn=sampled,
    )
    sampled(case["wanted"])
    batch, metrics = buffer.sample(global_steps=1, partition_id="train", batch_size=case["wanted"])
    scores = tq.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=["rm_scores"])["rm_scores"]
    left = sorted(tq.kv_list("train").get("train", {}))
    found = {"keys": list(batch.keys), "scores": [float(row.sum()) for row in scores], "left": left, "metrics": metrics}
    tq.kv_clear(partition_id="train", keys=left)
    return found


def advantages(scores):
    """verl's advantages of groups, flat."""
    flat = torch.tensor(scores).flatten()
    rewards_BT = torch.stack([torch.zeros_like(flat), flat], dim=1)
    index = np.repeat(np.arange(len(scores)), len(scores[0]))
    found_BT, _ = compute_grpo_outcome_advantage(rewards_BT, torch.ones_like(rewards_BT), index)
    return found_BT[:, 0].tolist()


def policy_loss(config, ratios, advantages, mask):
    """The loss of rows of tokens whose probabilities have changed by `ratios`."""
    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    actor.global_batch_info["dp_size"] = 1
    ratios_BT, advantages_BT, mask_BT = map(torch.tensor, (ratios, advantages, mask))
    loss, _ = get_policy_loss_fn(actor.policy_loss.loss_mode)(
        old_log_prob=torch.zeros_like(ratios_BT),
        log_prob=ratios_BT.log(),
        advantages=advantages_BT,
        response_mask=mask_BT,
        loss_agg_mode=actor.loss_agg_mode,
        config=actor,
    )
    return loss.item()


def on_ray(call):
    """What `call` returns while Ray runs with a TransferQueue, whose actors want a processor each."""
    ray.init(num_cpus=8, include_dashboard=False, log_to_driver=False)
    try:
        tq.init(OmegaConf.create({"backend": {"SimpleStorage": {"num_data_storage_units": 1}}}))
        try:
            return call()
        finally:
            tq.close()
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
