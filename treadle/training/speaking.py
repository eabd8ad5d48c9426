"""How `SRLTrainer` speaks to its model: prompts rendered as everywhere, completions that end where a turn does.

TRL ends a completion at the end tokens of the model's generation config and of its tokenizer. A base model's have no
end of turn among them, and without it no completion would end where the expert's does.
"""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase
from trl import GRPOTrainer

from treadle.chat.chat import Chat
from treadle.chat.settings import ChatSettings


def chat_of(trainer: GRPOTrainer, tokenizer: PreTrainedTokenizerBase, chat: Chat | None) -> Chat | None:
    """The trainer's chat, with the trainer ending completions where its turns end; `None` without a chat template.

    Raises:
        ModelError: The chat template cannot be used.
    """
    if chat is None and tokenizer.chat_template is None:
        return None
    chat = chat or Chat(tokenizer, ChatSettings(trainer.chat_template_kwargs, thought_tags=trainer.args.thought_tags))
    trainer.chat_template_kwargs = dict(chat.settings.template_kwargs)
    _end_completions(trainer, chat)
    return chat


def renders_itself(trainer: GRPOTrainer) -> bool:
    """Whether TRL renders prompts: with tools, environments or images."""
    return bool(trainer.tools) or trainer.environment_factories is not None or trainer._is_vlm


def _end_completions(trainer: GRPOTrainer, chat: Chat) -> None:
    chat.end_turns_of(trainer.accelerator.unwrap_model(trainer.model))
    missing = [token for token in chat.ends if token not in trainer.eos_token_ids]
    trainer.eos_token_ids = [*trainer.eos_token_ids, *missing]
    if trainer.use_vllm:
        # vLLM knows the tokenizer's own and, in its own process, those of the model as it was saved.
        settings = trainer.vllm_generation.generation_kwargs
        stops = [*(settings.get("stop_token_ids") or []), *trainer.eos_token_ids]
        trainer.vllm_generation.generation_kwargs = {**settings, "stop_token_ids": list(dict.fromkeys(stops))}
    elif "eos_token_id" not in (trainer.args.generation_kwargs or {}):
        trainer.generation_kwargs["eos_token_id"] = trainer.eos_token_ids
        trainer.generation_config.eos_token_id = trainer.eos_token_ids
