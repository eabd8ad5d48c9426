"""A stage as Hydra overrides of verl's `ppo_trainer`, each key of verl 0.9.1.

A step of verl is a generation: it samples `train_batch_size` prompts and makes as many updates as `ppo_mini_batch_size`
divides that. treadle counts updates, so that with `updates_per_rollout` steps, saves and validations are divided by it.
"""

from __future__ import annotations

import math
import re
from typing import Any

from treadle.chat.chat import Chat
from treadle.export.engine import steps_of
from treadle.export.rewards import reward_settings, weights
from treadle.recipe.schema import Recipe, RLStage
from treadle.recipe.sizes import Sizes

SCHEDULERS = {"constant": "constant", "constant_with_warmup": "constant", "cosine": "cosine"}
_WORD = re.compile(r"[A-Za-z]\w*(?:-\w+)*")
_READ = ("true", "false", "null", "inf", "nan", "True", "False")
"""Words that Hydra reads as something else than text."""
NO_DUAL_CLIP = 1e6
"""TRL does not bound the loss of negative advantages from above; verl does so from this ratio on, and must have one."""


def overrides(stage: RLStage, recipe: Recipe, sizes: Sizes, chat: Chat, longest: int, name: str) -> dict[str, Any]:
    """verl's configuration of a stage, see `Engine`."""
    trl, per_step = stage.trl, stage.updates_per_rollout
    steps = steps_of(stage, sizes)
    batch = stage.prompts_per_step * per_step
    dtype = "float32" if recipe.dtype == "float32" else "bfloat16"
    # Without it FSDP computes in bfloat16, whatever `fsdp_config.dtype` says: that one is read by other engines.
    precision = {"param_dtype": dtype, "reduce_dtype": "float32", "buffer_dtype": "float32"}
    actor, rollout, optim = "actor_rollout_ref.actor", "actor_rollout_ref.rollout", "actor_rollout_ref.actor.optim"
    return {
        "data.train_batch_size": batch,
        "data.gen_batch_size": 1 if stage.dynamic_sampling else batch,  # further prompts are drawn by their number
        "data.max_prompt_length": longest,
        "data.max_response_length": stage.max_completion_length,
        "data.filter_overlong_prompts": False,
        "data.truncation": "error",
        "data.shuffle": True,
        "data.seed": recipe.seed,
        "data.trust_remote_code": recipe.trust_remote_code,
        **{f"+data.apply_chat_template_kwargs.{k}": v for k, v in chat.settings.template_kwargs.items()},
        "actor_rollout_ref.model.trust_remote_code": recipe.trust_remote_code,
        "actor_rollout_ref.model.enable_gradient_checkpointing": stage.gradient_checkpointing,
        f"{actor}.ppo_mini_batch_size": stage.prompts_per_step,
        f"{actor}.ppo_micro_batch_size_per_gpu": stage.micro_batch,
        f"{actor}.ppo_epochs": 1,
        f"{actor}.clip_ratio": stage.clip_low,
        f"{actor}.clip_ratio_low": stage.clip_low,
        f"{actor}.clip_ratio_high": stage.clip_high,
        f"{actor}.clip_ratio_c": trl.get("delta") or NO_DUAL_CLIP,
        f"{actor}.loss_agg_mode": "token-mean",
        f"{actor}.entropy_coeff": 0,
        f"{actor}.use_kl_loss": stage.kl > 0,
        f"{actor}.kl_loss_coef": stage.kl,
        f"{actor}.kl_loss_type": "low_var_kl",
        f"{actor}.grad_clip": stage.max_grad_norm,
        # The whole weights too, in float32: verl.model_merger rounds those of a checkpoint to bfloat16.
        f"{actor}.checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        f"{actor}.fsdp_config.model_dtype": "fp32",
        f"+{actor}.fsdp_config.mixed_precision": precision,
        f"{actor}.fsdp_config.seed": recipe.seed,
        f"{optim}.lr": stage.learning_rate,
        f"{optim}.lr_scheduler_type": SCHEDULERS[stage.scheduler],
        f"{optim}.lr_warmup_steps_ratio": 0.0 if stage.scheduler == "constant" else stage.warmup_ratio,
        f"{optim}.weight_decay": stage.weight_decay,
        f"{optim}.betas": [0.9, stage.adam_beta2],
        f"{optim}.clip_grad": stage.max_grad_norm,
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": stage.micro_batch,
        "+actor_rollout_ref.ref.fsdp_config.mixed_precision": precision,
        f"{rollout}.name": "vllm",
        f"{rollout}.n": stage.rollouts,
        f"{rollout}.temperature": stage.temperature,
        f"{rollout}.top_p": trl.get("top_p", 1.0),
        f"{rollout}.top_k": trl.get("top_k") or -1,
        f"{rollout}.seed": recipe.seed,
        f"{rollout}.dtype": dtype,
        f"{rollout}.tensor_model_parallel_size": trl.get("vllm_tensor_parallel_size", 1),
        f"{rollout}.gpu_memory_utilization": trl.get("vllm_gpu_memory_utilization", 0.5),
        f"{rollout}.max_model_len": trl.get("vllm_max_model_length"),
        f"{rollout}.log_prob_micro_batch_size_per_gpu": stage.micro_batch,
        f"{rollout}.val_kwargs.n": 1,
        f"{rollout}.val_kwargs.do_sample": True,
        f"{rollout}.val_kwargs.temperature": stage.temperature,
        f"{rollout}.val_kwargs.top_p": trl.get("top_p", 1.0),
        f"{rollout}.val_kwargs.top_k": trl.get("top_k") or -1,
        "critic.enable": False,
        "algorithm.adv_estimator": "grpo",
        "algorithm.norm_adv_by_std_in_grpo": trl.get("scale_rewards", "group") in (True, "group"),
        "algorithm.use_kl_in_reward": False,
        "reward.reward_manager.source": "importlib",
        "reward.reward_manager.name": "TreadleRewardManager",
        "reward.reward_manager.module.path": "pkg://treadle.export.verl.reward_manager",
        **{f"+reward.reward_kwargs.{k}": v for k, v in reward_settings(stage, recipe).items()},
        "+reward.reward_kwargs.ends": list(chat.ends),
        **(_dynamic_sampling(stage) if stage.dynamic_sampling else {}),
        "trainer.v1.trainer_mode": "sync",
        "trainer.total_training_steps": steps,
        "trainer.total_epochs": math.ceil(steps / max(1, sizes.rows // batch)),
        "trainer.save_freq": math.ceil(stage.save_every / per_step),
        "trainer.test_freq": math.ceil(stage.validate_every / per_step) if stage.validate_every else -1,
        "trainer.val_before_train": False,
        "trainer.max_actor_ckpt_to_keep": trl.get("save_total_limit", 2),
        "trainer.logger": ["console"],
        "trainer.project_name": trl.get("project", "treadle"),
        "trainer.experiment_name": trl.get("run_name", name),
    }


def _dynamic_sampling(stage: RLStage) -> dict[str, Any]:
    sampler = "trainer.v1.sampler"
    settings = {
        "threshold": stage.sampling_threshold,
        "floor": stage.sampling_floor,
        "max_rounds": stage.max_sampling_rounds,
        "when_short": stage.when_short,
        "refill": stage.refill,
        "group_size": stage.rollouts,
        "weights": weights(stage),
    }
    return {
        f"{sampler}.custom_sampler.path": "pkg://treadle.export.verl.replay_buffer",
        f"{sampler}.custom_sampler.name": "TreadleReplayBuffer",
        **{f"+{sampler}.sampler_kwargs.{name}": value for name, value in settings.items()},
    }


def as_text(value: Any) -> str:
    """A value in Hydra's grammar of overrides."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(as_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{as_text(each)}' for key, each in value.items())}}}"
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) and value not in _READ else "'" + value.replace("'", "\\'") + "'"
    return repr(value)
