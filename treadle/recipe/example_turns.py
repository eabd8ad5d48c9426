"""Whether worked examples reach the model as they are: chat templates rewrite earlier turns.

Those of reasoning models take the thoughts out of every assistant's turn but the last. An example then shows an answer
without the thought that the prompt asks for, and teaches the model to break the format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from treadle.chat.chat import Chat
from treadle.errors import ModelError
from treadle.recipe.schema import AnyStage, WarmupStage
from treadle.scoring.thoughts import Block
from treadle.trajectory import Message

_KEEPING = {
    "preserve_thinking": True,
    "keep_thinking": True,
    "truncate_history_thinking": False,
    "clear_thinking": False,
}
"""Variables by which chat templates leave thoughts in earlier turns."""


def lost_turns(prompt: Sequence[Message], chat: Chat) -> list[Message]:
    """The turns of a prompt whose text does not stand in it once rendered, white space aside.

    Raises:
        ModelError: The template refuses the prompt.
    """
    text = _squeezed(chat.prompt_text(prompt))
    return [turn for turn in prompt if _squeezed(turn["content"]) not in text]


def describe_lost(stage: AnyStage, prompt: Sequence[Message], chat: Chat) -> str | None:
    """What the chat template takes from the worked examples of a stage's prompt, and what mends it; `None` for nothing.

    Raises:
        ModelError: The template refuses the prompt.
    """
    lost = lost_turns(prompt, chat)
    if not lost:
        return None
    close, first = chat.thought_tags.close, lost[0]
    answers = [{**turn, "content": turn["content"].rpartition(close)[2]} for turn in prompt]
    if lost_turns(answers, chat):
        return (
            f"{stage.name}: the chat template drops or rewrites turns of worked examples, such as the "
            f"{first['role']}'s {first['content'][:60]!r}; set {examples_key(stage)}=0, or take a template that keeps "
            "them"
        )
    return (
        f"{stage.name}: the chat template takes the thoughts out of worked examples, so they show answers without the "
        f"thoughts that prompts ask for; set {_remedy(stage, prompt, chat)}"
    )


def examples_key(stage: AnyStage) -> str:
    """The recipe's key for the worked examples of a stage's prompts, of a warm-up those that it samples with."""
    return f"stages.{stage.name}.examples" if isinstance(stage, WarmupStage) and stage.examples else "prompts.examples"


def _remedy(stage: AnyStage, prompt: Sequence[Message], chat: Chat) -> str:
    given = chat.settings.template_kwargs
    for name, value in _KEEPING.items():
        try:
            other = Chat(chat.tokenizer, replace(chat.settings, template_kwargs={**given, name: value}))
        except ModelError:
            continue  # not a variable of this template
        if not lost_turns(prompt, other):
            return f"chat_template_kwargs: {{{name}: {str(value).lower()}}}"
    without = f"{examples_key(stage)}=0"
    # Where the prompt has opened a thought one will be written, asked for or not.
    if chat.thought_tags.block is Block.OPENED:
        return without
    return f"prompts.think=false (with think_tags: optional), or {without}"


def _squeezed(text: str) -> str:
    return "".join(text.split())
