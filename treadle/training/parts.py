"""What `SRLTrainer` is made of: each part with what it needs, taken from the configuration, and nothing of the trainer.

The trainer's own methods that parts call, to sample and reward groups and to look at log-probs, come as plain callables
in `Methods`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase
from trl import GRPOTrainer
from trl.data_utils import is_conversational

from treadle import tree
from treadle.chat.chat import Chat
from treadle.chat.thoughts import Decoder
from treadle.scoring.thoughts import tags_of_pair
from treadle.training.batches import GroupMaker
from treadle.training.cutting import Cutter, CuttingSettings
from treadle.training.dynamic_sampling import DynamicSampling, SamplingSettings
from treadle.training.groups import Collected
from treadle.training.guards.collapse import Collapse, CollapseSettings
from treadle.training.guards.format import FormatFaults
from treadle.training.guards.halving import Halving, micro_batch_remedy, why_never
from treadle.training.guards.rewards import GuardedReward
from treadle.training.guards.rollout_memory import RolloutMemory
from treadle.training.guards.stale import StaleRollouts
from treadle.training.guards.steps import StepGuard, StepLimits
from treadle.training.guards.unscorable import Unscorable
from treadle.training.logps import TreeLogps, why_no_tree
from treadle.training.micro_batches import GLOBAL_LOSSES
from treadle.training.phases import PhaseClock
from treadle.training.prefixes.loss import PrefixLoss
from treadle.training.prefixes.part import Prefixes, check_prefixes
from treadle.training.prefixes.policy import PrefixPolicy
from treadle.training.processes import Processes
from treadle.training.prompts import Prompts
from treadle.training.resume import Part
from treadle.training.rewards import Rewards
from treadle.training.rollout_log import RolloutLog
from treadle.training.rollouts import PrefixCache, SharedRollout, why_not_shared
from treadle.training.speaking import chat_of, renders_itself
from treadle.training.srl_config import SRLConfig, check_dynamic_sampling
from treadle.training.validation import HeldOutRewards


@dataclass(frozen=True)
class Methods:
    """What parts call, and TRL's collections that they fill.

    Args:
        network: The model for a rollout, with whole weights.
        generate: TRL's `_generate`.
        rewards: TRL's `_calculate_rewards`.
        logps: Log-probs of completions by the policy as it is.
        written: Told the outcome of each round's groups.
        metrics: TRL's lists of the values since the last log, in training.
        extras: What reward functions add to TRL's table of completions.
        progress: The share of the optimizer steps that are done.
    """

    network: Callable[[], AbstractContextManager[torch.nn.Module]]
    generate: Callable[..., tuple]
    rewards: Callable[..., torch.Tensor]
    logps: Callable[..., tuple]
    written: Callable[..., None]
    metrics: dict[str, list[float]]
    extras: dict[str, list[Any]]
    progress: Callable[[], float]


class Parts:
    """The parts of a trainer, made in the order in which a step meets them.

    Args:
        trainer: As `GRPOTrainer` has set it up, with an `SRLConfig`.
        methods: See there.
        tokenizer: The trainer's.
        chat: How the model is spoken to; by default as its template and TRL's `chat_template_kwargs` have it.
        prefix_policy: Says how much of the expert's solution prompts begin with; `None` for nothing.

    Raises:
        ModelError: The chat template cannot be used.
        RecipeError: The data or the batch do not allow dynamic sampling, or prefixes.
    """

    def __init__(
        self,
        trainer: GRPOTrainer,
        methods: Methods,
        tokenizer: PreTrainedTokenizerBase,
        chat: Chat | None = None,
        prefix_policy: PrefixPolicy | None = None,
    ) -> None:
        args: SRLConfig = trainer.args
        metrics, folder, size = methods.metrics, Path(args.output_dir), trainer.num_generations
        deepspeed = trainer.is_deepspeed_enabled
        self.processes = processes = Processes(trainer.accelerator)
        self._metrics, self._extras = metrics, methods.extras
        self.clock = PhaseClock()
        chat = chat_of(trainer, tokenizer, chat)
        self.chat = None if renders_itself(trainer) else chat
        self.thought_tags = chat.thought_tags if chat else tags_of_pair(args.thought_tags)
        self.decoder = chat.decode if chat else Decoder(tokenizer, self.thought_tags)
        if args.dynamic_sampling:
            only_text = not trainer.tools and trainer.environment_factories is None
            check_dynamic_sampling(args, trainer.train_dataset, only_text, processes.count)

        check_prefixes(prefix_policy, args, trainer.train_dataset, self.chat is not None)
        prefixes = None
        if prefix_policy is not None:
            prefixes = Prefixes(prefix_policy, args.seed, trainer.reward_weights.tolist(), methods.progress)
        self.prompts = Prompts(trainer.train_dataset, args.seed, args.group_by_trajectory, args.rest_after, prefixes)
        self.prefix_loss = PrefixLoss(args.prefix_loss, self.chat and self.chat.text_ids, processes, metrics)
        self.groups = GroupMaker(
            size,
            methods.generate,
            methods.rewards,
            methods.logps,
            methods.extras,
            tokenizer.pad_token_id,
            processes,
        )
        # Where vLLM tells the log-probs of its tokens, TRL corrects by these for any policy that sampled.
        self.keeps_old_logps = not (trainer.use_vllm and trainer.vllm_importance_sampling_correction)
        self.sampling = DynamicSampling(
            SamplingSettings.of(args, trainer.reward_weights),
            self.prompts,
            self.groups.sample,
            self.groups.logps if self.keeps_old_logps else None,
            methods.written,
            metrics,
        )

        self.shared_rollout = self._shared_rollout(trainer, methods)
        self.rollout_memory = RolloutMemory(
            self.shared_rollout, size, trainer.max_completion_length, trainer.is_fsdp_enabled or deepspeed
        )
        told = trainer.use_vllm and trainer.vllm_mode == "server" and processes.is_main
        url = args.vllm_server_base_url or f"http://{args.vllm_server_host}:{args.vllm_server_port}"
        self.prefix_cache = PrefixCache(url if told else None)

        functions = [function for function in trainer.reward_funcs if isinstance(function, GuardedReward)]
        self.format_faults = FormatFaults(args.max_format_fault_steps, args.think_tags, processes.is_main)
        self.collapse = Collapse(CollapseSettings.of(args), processes, metrics)
        self.held_out = HeldOutRewards()
        self.rollout_log = RolloutLog(folder / "rollouts.jsonl", size, processes) if args.log_rollouts else None
        self.rewards = Rewards(
            trainer.reward_weights,
            {*trainer.eos_token_ids, tokenizer.pad_token_id},
            tokenizer,
            Unscorable(functions, args.max_unscorable, processes),
            self.format_faults,
            self.collapse,
            self.held_out,
            self.rollout_log,
            processes,
            self.thought_tags,
        )

        self.tree_is_used = self._uses_tree(trainer)
        self.tree_logps = TreeLogps(
            trainer.temperature, args.max_tree_tokens, processes, trainer.accelerator.autocast, metrics
        )
        settings = CuttingSettings.of(args, self.tree_is_used, may_skip=not deepspeed)
        self.cutter = Cutter(settings, processes)
        self.halving = Halving(
            metrics,
            trainer.accelerator.backward,
            why_never(args, processes.count, deepspeed, trainer.aux_loss_enabled) or _why_not_a_sum(args),
            self._halving_remedy(args),
        )
        self.stale = StaleRollouts(
            args.max_logp_difference, args.stop_on_logp_difference, trainer.use_vllm, processes, metrics
        )
        self.step_guard = StepGuard(
            StepLimits.of(args, trainer.accelerator, deepspeed),
            self.halving.trace,
            processes,
            metrics,
            folder,
            tokenizer.decode,
        )

    def log_without_batch(self, found: Collected, names: Sequence[str], pending: dict[str, list[float]]) -> None:
        """What TRL logs of a batch, where no group makes one: rewards, and what reward functions have logged."""
        self.sampling.log_rewards(found, names, in_place=False)
        for name, mean in self.processes.means(pending).items():
            self._metrics[name].append(mean)
        pending.clear()
        self._extras.clear()

    def judge_generation(self, step: int) -> None:
        """Tell the guard of collapse that a generation of training is rewarded."""
        with self.clock("reward"):
            self.collapse.generated(step)

    def rendered(self, prompts: list[Any]) -> tuple | None:
        """Prompts as TRL's `_tokenize_prompts` returns them; `None` where TRL renders them itself."""
        if self.chat is None or not is_conversational({"prompt": prompts[0]}):
            return None
        return self.chat.prompts(prompts), None, {}

    def _shared_rollout(self, trainer: GRPOTrainer, methods: Methods) -> SharedRollout | None:
        args = trainer.args
        if not args.shared_rollout or trainer.use_vllm or trainer.use_transformers_continuous_batching:
            return None
        network = trainer.accelerator.unwrap_model(trainer.model)
        config = trainer.generation_config
        reason = why_not_shared(network, config, trainer.accelerator, args.ds3_gather_for_generation)
        if reason is None:
            return SharedRollout(config, methods.network, args.max_kv_tokens)
        self.processes.warn_once(
            f"every row's prompt is computed for itself: {reason}. shared_rollout=False silences this."
        )
        return None

    def _uses_tree(self, trainer: GRPOTrainer) -> bool:
        if not trainer.args.prefix_tree:
            return False
        reason = why_no_tree(trainer.model, trainer.args, trainer.aux_loss_enabled)
        if reason is not None:
            self.processes.warn_once(f"log-probs are computed row by row: {reason}. prefix_tree=False silences this.")
            return False
        for network in filter(None, (trainer.model, trainer.ref_model)):
            tree.use_tree_attention(network)
        return True

    def _halving_remedy(self, args: SRLConfig) -> str:
        if not self.tree_is_used:
            return micro_batch_remedy(args.per_device_train_batch_size)
        now = args.max_tree_tokens or "what micro_batch rows would have"
        return f"Set a smaller `max_tree_tokens` (in a recipe under the stage's `trl`; now {now}) or `micro_batch`."

    @property
    def with_state(self) -> dict[str, Part]:
        """Those that a checkpoint keeps, by the names that it gives them."""
        return {
            "prompts": self.prompts,
            "sampling": self.sampling,
            "format_faults": self.format_faults,
            "collapse": self.collapse,
            "halving": self.halving,
            "steps": self.step_guard,
        }


def _why_not_a_sum(args: SRLConfig) -> str | None:
    """Why the loss of halves would not add up to that of the whole."""
    entropy_counts = args.entropy_coef != 0 or args.use_adaptive_entropy or args.top_entropy_quantile < 1
    if args.loss_type in GLOBAL_LOSSES and not entropy_counts:
        return None
    return (
        f"loss_type={args.loss_type!r} with these settings of entropy is not a sum over rows, so halves would change "
        f"it ({', '.join(GLOBAL_LOSSES)} are)"
    )
