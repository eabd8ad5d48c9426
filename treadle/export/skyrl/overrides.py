"""A stage as overrides of SkyRL's configuration, each key of SkyRL 0.3.0, and those of `config`.

A step of SkyRL is a generation: it samples `train_batch_size` prompts and makes as many updates as
`policy_mini_batch_size` divides that. treadle counts updates, so that with `updates_per_rollout` steps, saves and
validations are divided by it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from treadle.chat.chat import Chat
from treadle.export.engine import steps_of
from treadle.export.rewards import reward_settings, weights
from treadle.export.skyrl import ENV_CLASS
from treadle.recipe.schema import Recipe, RLStage
from treadle.recipe.sizes import Sizes

SCHEDULERS = ("constant", "constant_with_warmup", "linear", "cosine")
"""Of transformers, which SkyRL asks by name."""
MARGIN = 512
"""SkyRL drops prompts that are too long by a rendering without variables of the template: so many tokens more."""
_WORD = re.compile(r"[A-Za-z]\w*(?:-\w+)*")
_READ = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
"""Words, in any case, that YAML reads as something else than text."""


def overrides(stage: RLStage, recipe: Recipe, sizes: Sizes, chat: Chat, longest: int, name: str) -> dict[str, Any]:
    """SkyRL's configuration of a stage, see `Engine`."""
    trl, per_step = stage.trl, stage.updates_per_rollout
    steps, batch = steps_of(stage, sizes), stage.prompts_per_step * per_step
    rounds = stage.max_sampling_rounds if stage.dynamic_sampling else 1
    variables = chat.settings.template_kwargs
    longest += MARGIN if variables else 0
    dtype = "float32" if recipe.dtype == "float32" else "bfloat16"
    # vLLM is told where a completion ends; SkyRL itself leaves that to the model's own generation_config.json.
    sampling = {
        "max_generate_length": stage.max_completion_length,
        "temperature": stage.temperature,
        "top_p": trl.get("top_p", 1.0),
        "top_k": trl.get("top_k") or -1,
        "additional_kwargs": {"stop_token_ids": sorted(chat.ends)},
    }
    algorithm, optimizer = "trainer.algorithm", "trainer.policy.optimizer_config"
    generator, inference = "generator", "generator.inference_engine"
    return {
        "trainer.strategy": "fsdp",
        "trainer.train_batch_size": batch,
        "trainer.policy_mini_batch_size": stage.prompts_per_step,
        "trainer.micro_train_batch_size_per_gpu": stage.micro_batch,
        "trainer.micro_forward_batch_size_per_gpu": stage.micro_batch,
        "trainer.update_epochs_per_batch": 1,
        "trainer.max_prompt_length": longest,
        "trainer.max_training_steps": steps,
        "trainer.epochs": math.ceil(steps * rounds / max(1, sizes.rows // batch)),  # each round takes a batch of rows
        "trainer.seed": recipe.seed,
        "trainer.bf16": dtype == "bfloat16",
        "trainer.gradient_checkpointing": stage.gradient_checkpointing,
        f"{optimizer}.lr": stage.learning_rate,
        f"{optimizer}.scheduler": stage.scheduler,
        f"{optimizer}.num_warmup_steps": (
            0 if stage.scheduler == "constant" else math.ceil(stage.warmup_ratio * sizes.optimizer_steps)
        ),
        f"{optimizer}.weight_decay": stage.weight_decay,
        f"{optimizer}.adam_betas": [0.9, stage.adam_beta2],
        f"{optimizer}.max_grad_norm": stage.max_grad_norm,
        f"{algorithm}.advantage_estimator": "grpo",
        f"{algorithm}.grpo_norm_by_std": trl.get("scale_rewards", "group") in (True, "group"),
        f"{algorithm}.policy_loss_type": "dual_clip" if trl.get("delta") else "regular",
        **({f"{algorithm}.clip_ratio_c": trl["delta"]} if trl.get("delta") else {}),
        f"{algorithm}.eps_clip_low": stage.clip_low,
        f"{algorithm}.eps_clip_high": stage.clip_high,
        f"{algorithm}.loss_reduction": "token_mean",
        f"{algorithm}.use_kl_in_reward": False,
        f"{algorithm}.use_kl_loss": stage.kl > 0,
        f"{algorithm}.kl_loss_coef": stage.kl,
        f"{algorithm}.kl_estimator_type": "k3",
        f"{algorithm}.dynamic_sampling.type": "filter" if stage.dynamic_sampling else None,
        f"{algorithm}.dynamic_sampling.max_sample_batches": rounds,
        "environment.env_class": ENV_CLASS,
        f"{generator}.n_samples_per_prompt": stage.rollouts,
        f"{generator}.max_turns": 1,
        f"{generator}.batched": False,
        f"{generator}.chat_template_kwargs": dict(variables),
        f"{generator}.zero_reward_on_non_stop": False,
        f"{generator}.apply_overlong_filtering": False,
        **{f"{generator}.sampling_params.{key}": value for key, value in sampling.items()},
        f"{generator}.eval_n_samples_per_prompt": 1,
        **{f"{generator}.eval_sampling_params.{key}": value for key, value in sampling.items()},
        f"{inference}.backend": "vllm",
        f"{inference}.model_dtype": dtype,
        f"{inference}.tensor_parallel_size": trl.get("vllm_tensor_parallel_size", 1),
        f"{inference}.gpu_memory_utilization": trl.get("vllm_gpu_memory_utilization", 0.5),
        **(
            {f"{inference}.engine_init_kwargs.max_model_len": trl["vllm_max_model_length"]}
            if trl.get("vllm_max_model_length")
            else {}
        ),
        **{f"treadle.{key}": value for key, value in reward_settings(stage, recipe).items()},
        "treadle.ends": list(chat.ends),
        **(_dynamic_sampling(stage) if stage.dynamic_sampling else {}),
        "trainer.eval_interval": math.ceil(stage.validate_every / per_step) if stage.validate_every else -1,
        "trainer.eval_before_train": False,
        "trainer.ckpt_interval": math.ceil(stage.save_every / per_step),
        "trainer.max_ckpts_to_keep": trl.get("save_total_limit", 2),
        "trainer.logger": "console",
        "trainer.project_name": trl.get("project", "treadle"),
        "trainer.run_name": trl.get("run_name", name),
    }


def _dynamic_sampling(stage: RLStage) -> dict[str, Any]:
    return {
        "treadle.weights": weights(stage),
        "treadle.threshold": stage.sampling_threshold,
        "treadle.floor": stage.sampling_floor,
        "treadle.when_short": stage.when_short,
    }


def as_text(value: Any) -> str:
    """A value as SkyRL's command line reads it: YAML, of which JSON is a part."""
    if isinstance(value, str) and _WORD.fullmatch(value) and value.lower() not in _READ:
        return value
    return json.dumps(value, ensure_ascii=False)
