"""What settings of a recipe are called elsewhere: in TRL's config classes, and in the recipes of other trainers."""

from __future__ import annotations

from treadle.recipe.parts import FAULT_LIMITS

OWNED: dict[str, str] = {
    "num_train_epochs": "epochs",
    "max_steps": "max_steps",
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "scheduler",
    "warmup_steps": "warmup_ratio",
    "warmup_ratio": "warmup_ratio",
    "weight_decay": "weight_decay",
    "adam_beta2": "adam_beta2",
    "max_grad_norm": "max_grad_norm",
    "gradient_checkpointing": "gradient_checkpointing",
    "save_steps": "save_every",
    "eval_strategy": "validate_every",
    "eval_steps": "validate_every",
    "do_eval": "validate_every",
    "num_generations_eval": "validation_rows",
    "metric_for_best_model": "validation",
    "greater_is_better": "validation",
    "load_best_model_at_end": "validate_every",
    "per_device_train_batch_size": "micro_batch",
    "gradient_accumulation_steps": "prompts_per_step (batch_size for sft)",
    "prompts_per_step": "prompts_per_step",
    "steps_per_generation": "updates_per_rollout",
    "generation_batch_size": "prompts_per_step",
    "num_generations": "rollouts",
    "temperature": "temperature",
    "max_completion_length": "max_completion_length",
    "max_length": "max_length",
    "chat_template_kwargs": "chat_template_kwargs (beside `model`)",
    "chat_template_path": "tokenizer (beside `model`), of a folder with that template",
    "eos_token": "tokenizer (beside `model`), of a folder with that token",
    "beta": "kl",
    "epsilon": "clip_low",
    "epsilon_high": "clip_high",
    "dynamic_sampling": "dynamic_sampling",
    "sampling_threshold": "sampling_threshold",
    "sampling_floor": "sampling_floor",
    "max_sampling_rounds": "max_sampling_rounds",
    "when_short": "when_short",
    "refill": "refill",
    "max_staleness": "max_staleness",
    "rest_after": "rest_after",
    "prefix_loss": "prefix, with loss in it",
    "think_tags": "think_tags",
    "thought_tags": "thought_tags (beside `model`)",
    "autojunk": "autojunk",
    "argument_order": "argument_order",
    "log_rollouts": "log_rollouts",
    "reward_weights": "reward, as [{name: ..., weight: ...}]",
    **{name: name for name in FAULT_LIMITS},
    "ddp_timeout": "wait_seconds (beside `model`)",
    "output_dir": "output",
    "seed": "seed",
    "bf16": "dtype",
    "fp16": "dtype",
    "report_to": "report_to",
    "trust_remote_code": "trust_remote_code (beside `model`)",
    "model_init_kwargs": "model, dtype and trust_remote_code (beside `model`)",
}
"""What a recipe says in its own words, so that `trl:` cannot contradict it: TRL's name, and the recipe's key."""

_ELSEWHERE = {
    "lr": "learning_rate",
    "num_epochs": "epochs",
    "total_epochs": "epochs",
    "train_batch_size": "prompts_per_step (batch_size for sft)",
    "batch_size": "prompts_per_step",
    "ppo_micro_batch_size_per_gpu": "micro_batch",
    "micro_batch_size": "micro_batch",
    "n": "rollouts",
    "group_size": "rollouts",
    "num_rollouts": "rollouts",
    "max_new_tokens": "max_completion_length",
    "max_tokens": "max_completion_length",
    "max_response_length": "max_completion_length",
    "max_seq_length": "max_length",
    "max_prompt_length": "left out, as prompts are never cut: `treadle check` says which are too long",
    "kl_coef": "kl",
    "kl_loss_coef": "kl",
    "clip_ratio_low": "clip_low",
    "clip_ratio_high": "clip_high",
    "cliprange": "clip_low and clip_high",
    "num_iterations": "updates_per_rollout",
    "reward_funcs": "reward",
    "test_freq": "validate_every",
    "save_freq": "save_every",
}
_METHODS = {
    **dict.fromkeys(
        ("grpo", "dapo", "ppo", "rloo", "gspo", "rl"), "rlvr (rewarded by final answers) or srl (by the expert's steps)"
    ),
    **dict.fromkeys(("sl", "finetune", "supervised"), "sft"),
}


_PASSED_ON = ("use_vllm", "logging_steps", "save_total_limit", "loss_type", "top_p", "top_k", "optim", "scale_rewards")


def key_of(name: str) -> str | None:
    """The key of a recipe that does what a setting of this name does elsewhere; `None` where none is known, or where
    it has the same name."""
    own = OWNED.get(name) or _ELSEWHERE.get(name)
    return own if own and own.split()[0].rstrip(",") != name else None


def is_passed_on(name: str) -> bool:
    """Whether a setting is known as one of TRL's that a stage passes on to it, under `trl:`."""
    return name in _PASSED_ON or name.startswith("vllm_")


def kind_of(name: object) -> str | None:
    """The kinds of stages that a method of this name is; `None` where none is known."""
    return _METHODS.get(str(name).lower())
