"""A chat template and nothing else: messages to text or tokens, and each way in which a template fails as one line.

A template is code of the model's maker, which transformers runs in Jinja's sandbox. What it raises comes out as a
`ModelError`, its date of today is given, and it may take so much time and memory and no more.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError, TemplateSyntaxError

from treadle.chat.dates import ASKS, VARIABLE, date_codes, with_fixed_date
from treadle.errors import ModelError
from treadle.limits import OutOfTime, memory_limit, time_limit
from treadle.trajectory import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SECONDS, MEBIBYTES = 10.0, 1024
"""What one rendering of a conversation may take; of many together, so many times the seconds."""

# What code in a template raises for messages or variables that its author did not think of.
_FAULTS = (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
_GIVEN = {"messages", "raise_exception", ASKS, VARIABLE}


def require_template(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Raise `ModelError` for a tokenizer without chat template; `name` is what the message calls it."""
    named = tokenizer.chat_template
    if isinstance(named, dict) and "default" not in named:
        raise ModelError(
            f"{name}: the tokenizer has chat templates named {', '.join(named)} and none named default; write the one "
            "that is meant to chat_template.jinja in its folder"
        )
    if named is None:
        raise ModelError(
            f"{name}: the tokenizer has no chat template, so chat prompts cannot be rendered; take an instruct "
            "model's tokenizer, or set tokenizer.chat_template and save it again"
        )


class Template:
    """The chat template of a tokenizer.

    Args:
        tokenizer: Has it.
        variables: Further variables of it.
        day: Its date of today, YYYY-MM-DD.

    Attributes:
        blocks: Whether it takes a message's content as a list of blocks, as many of models with images do.

    Raises:
        ModelError: There is no template, it cannot be read, or a variable is none of it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, variables: Mapping[str, Any], day: str) -> None:
        self.tokenizer, self.variables, self.blocks = tokenizer, dict(variables), False
        self.name = tokenizer.name_or_path or type(tokenizer).__name__
        require_template(tokenizer, self.name)
        taken = _GIVEN | set(inspect.signature(tokenizer.apply_chat_template).parameters)
        for name in self.variables:
            if name in taken:
                raise ModelError(f"chat_template_kwargs: {name!r} is set by treadle; leave it out")
            if not re.search(rf"\b{re.escape(name)}\b", self.source):
                raise ModelError(
                    f"chat_template_kwargs: the chat template of {self.name} has no variable {name!r}; correct its "
                    "name or leave it out"
                )
        self.day = day

    @property
    def source(self) -> str:
        """The template's code."""
        return self.tokenizer.get_chat_template()

    def text(self, messages: Sequence[Message], prompt: bool = True) -> str:
        """A conversation as text.

        Args:
            prompt: Whether the beginning of the assistant's turn follows.

        Raises:
            ModelError: The template fails; the message names it, the roles and its reason.
        """
        return self._apply(messages, tokenize=False, add_generation_prompt=prompt)

    def ids(self, conversations: Sequence[Sequence[Message]]) -> list[list[int]]:
        """Conversations as tokens, each with the beginning of the assistant's turn. Raises like `text`.

        Memory is not limited here, where the tokenizer needs it, too.
        """
        if not conversations:
            return []
        try:
            with time_limit(SECONDS * len(conversations)):
                return self._render(conversations, add_generation_prompt=True)["input_ids"]
        except (*_FAULTS, OutOfTime):
            return [self._apply(messages, add_generation_prompt=True)["input_ids"] for messages in conversations]

    def _apply(self, messages: Sequence[Message], **how: Any) -> Any:
        bound = memory_limit(MEBIBYTES) if how.get("tokenize") is False else nullcontext()
        try:
            with time_limit(SECONDS), bound:
                return self._render([messages], **how, unpack=True)
        except (OutOfTime, MemoryError) as error:
            found = (
                f"after {SECONDS:g} seconds" if isinstance(error, OutOfTime) else f"within {MEBIBYTES:,} MiB of memory"
            )
            raise ModelError(
                f"{self.name}: the chat template does not end {found}, as if it were made for that; mend "
                "chat_template.jinja, or take another tokenizer"
            ) from None
        except TemplateSyntaxError as error:
            raise ModelError(
                f"{self.name}: the chat template cannot be read, line {error.lineno}: {_line(error)}; mend "
                "chat_template.jinja, or take another tokenizer"
            ) from error
        except _FAULTS as error:
            roles = ", ".join(message["role"] for message in messages)
            missing = re.fullmatch(r"'((?:bos|eos|pad|unk|sep|cls|mask)_token)' is undefined", str(error))
            if missing:
                raise ModelError(
                    f"{self.name}: the chat template writes {missing[1]}, which the tokenizer has not; set "
                    f"tokenizer.{missing[1]} and save it again"
                ) from error
            reason = _line(error) if type(error) is TemplateError else f"{type(error).__name__}: {_line(error)}"
            raise ModelError(
                f"{self.name}: the chat template refuses messages with the roles {roles} ({reason}); take a template "
                "that knows them, or prompts without them"
            ) from error

    def _render(self, conversations: Sequence[Sequence[Message]], unpack: bool = False, **how: Any) -> Any:
        if self.blocks:
            conversations = [[_in_blocks(message) for message in messages] for messages in conversations]
        if ASKS in self.source:
            how |= {"chat_template": with_fixed_date(self.source), VARIABLE: date_codes(self.day)}
        return self.tokenizer.apply_chat_template(
            conversations[0] if unpack else list(conversations), **self.variables, **how
        )


def _in_blocks(message: Message) -> dict[str, Any]:
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
