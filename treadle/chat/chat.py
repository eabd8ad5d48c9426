"""`Chat`: the one rendering of messages for training, rollouts and evaluation.

A prompt is what the template makes of its messages, with the beginning of the assistant's turn. What an assistant
answers never goes through the template, which would strip it, take thoughts out or put empty ones in: its tokens are
those of the text alone, and after them comes what ends a turn in this template. So supervised fine-tuning sees token
for token what a rollout samples, and ends where a rollout ends. A prompt whose last message is an assistant's is
continued there: it ends with the tokens of that text, at a border where the model could have stood itself.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from treadle.chat.probes import (
    before_texts,
    end_of_turn,
    ids_after,
    question,
    settle_form,
    shows_date,
    shows_system,
    special_ids,
)
from treadle.chat.settings import ChatSettings
from treadle.chat.template import Template
from treadle.chat.thoughts import Decoder, tags_after
from treadle.errors import DataError, ModelError
from treadle.trajectory import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Chat:
    """How one model is spoken to.

    Args:
        tokenizer: Has the chat template.
        settings: What is chosen of the rendering.

    Attributes:
        settings: Without `auto` and with a date: what holds.
        end: Tokens after an assistant's text; the last ends the turn. Empty where nothing is known to end one.
        ends: Tokens at which a completion ends, ascending: that one and the tokenizer's end of sequence.
        system_is_shown: Whether the template renders a system message.
        dated: Whether the template looks at the date.
        thought_tags: Where thoughts begin and end, and what prompts already hold of the first.
        decode: A completion's tokens to its text.

    Raises:
        ModelError: The template is missing, cannot be read or refuses a user's message.
        RecipeError: The template opens thoughts with other tags than the settings'.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, settings: ChatSettings | None = None) -> None:
        settings = settings or ChatSettings()
        settings = replace(settings, date=settings.date or datetime.date.today().isoformat())
        self.tokenizer = tokenizer
        self.template = Template(tokenizer, settings.template_kwargs, settings.date)
        settle_form(self.template)
        self.system_is_shown = shows_system(self.template)
        self.end = end_of_turn(self.template)
        self._before = before_texts(self.template)
        self.ends = sorted({*self.end[-1:], *({tokenizer.eos_token_id} - {None})})
        self.dated = shows_date(self.template)
        if settings.system_role == "auto":
            settings = replace(settings, system_role="template" if self.system_is_shown else "user")
        self.settings = settings
        self._special = special_ids(tokenizer)
        self.thought_tags = tags_after(question(self.template), settings.thought_tags)
        self.decode = Decoder(tokenizer, self.thought_tags)
        # Special tokens that a completion's text may hold.
        self._tags = {i: tokenizer.convert_ids_to_tokens(i) for i in self.decode.kept}

    def messages(self, messages: Sequence[Message]) -> list[Message]:
        """The messages as they are given to the template: its system message where the settings put it.

        Raises:
            ModelError: There is a system message, the template does not show it, and the settings leave it there.
        """
        if not any(message["role"] == "system" for message in messages):
            return list(messages)
        if self.settings.system_role == "user":
            return system_to_user(messages)
        if not self.system_is_shown:
            raise ModelError(
                f"{self.template.name}: the chat template refuses or drops a system message, and system_role: template "
                "forbids to put it elsewhere; set system_role: user"
            )
        return list(messages)

    def prompts(self, conversations: Sequence[Sequence[Message]]) -> list[list[int]]:
        """Tokens of each prompt, up to where the assistant's text begins; a last message of the assistant's is the
        beginning of that text.

        Raises:
            ModelError: The template refuses the messages; one line names it, their roles and its reason.
        """
        asked, begun = zip(*map(_begun, conversations), strict=True) if conversations else ((), ())
        prompts = self.template.ids([self.messages(conversation) for conversation in asked])
        return [[*ids, *self.text_ids(text)] if text else ids for ids, text in zip(prompts, begun, strict=True)]

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of one prompt, see `prompts`."""
        return self.prompts([messages])[0]

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """A prompt as text, for people."""
        asked, begun = _begun(messages)
        return self.template.text(self.messages(asked)) + begun

    def text_ids(self, text: str) -> list[int]:
        """Tokens of an assistant's text as it is.

        The name of a special token within it, such as the template's end of turn, is text and no token: as a token it
        would end the turn there, and be left out when a completion is decoded.
        """
        ids = ids_after(self.tokenizer, self._before, text)
        if not any(token in self._special and token not in self._tags for token in ids):
            return ids
        pieces = re.split("|".join(f"({re.escape(tag)})" for tag in self._tags.values()) or "(?!)", text)
        numbers = {tag: number for number, tag in self._tags.items()}
        ids = []
        for piece in filter(None, pieces):
            plain = self.tokenizer(piece, add_special_tokens=False, split_special_tokens=True)["input_ids"]
            ids += [numbers[piece]] if piece in numbers else plain
        return ids

    def answer(self, text: str) -> list[int]:
        """Tokens of an assistant's text and of the end of its turn, as a rollout would have them.

        Raises:
            DataError: The text holds what ends a turn, as a token that cannot be written otherwise.
            ModelError: Nothing is known to end a turn.
        """
        if not self.end:
            raise ModelError(
                f"{self.template.name}: neither the chat template nor the tokenizer says what ends a turn; set the "
                "tokenizer's eos_token and save it again"
            )
        ids = self.text_ids(text)
        if not set(ids).isdisjoint(self.ends):
            found = self.tokenizer.decode([next(token for token in ids if token in self.ends)])
            raise DataError(f"an assistant's text holds {found}, which ends a turn, in {text[:60]!r}; take the row out")
        return [*ids, *self.end]

    def ends_of(self, model: Any) -> list[int]:
        """Tokens at which a completion of `model` ends, ascending: `ends`, and those in its generation config."""
        return sorted({*self.ends, *_listed(model)})

    def end_turns_of(self, model: Any) -> None:
        """Have a model's generation config end where the turn does, besides where it ends already."""
        known = _listed(model)
        missing = [token for token in self.ends if token not in known]
        if missing and getattr(model, "generation_config", None) is not None:
            model.generation_config.eos_token_id = [*known, *missing]

    def describe(self) -> dict[str, Any]:
        """What prompts depend on besides messages and tokenizer; empty where the template is used as it stands."""
        return replace(self.settings, date=self.settings.date if self.dated else None).describe()

    def record(self) -> dict[str, Any]:
        """What `treadle_chat.json` beside a trained model says of it."""
        kwargs, role = dict(self.settings.template_kwargs), self.settings.system_role
        date = {"date": self.settings.date} if self.dated else {}
        return {
            "chat_template_kwargs": kwargs,
            "system_role": role,
            **date,
            "thought_tags": self.thought_tags.to_json(),
        }

    def fingerprint(self) -> str:
        """A hash of all that tokens depend on besides the messages."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        parts = [self.template.source, backend.to_str() if backend else self.template.name, self.describe(), self.end]
        parts += [self._before] if self._before else []
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _listed(model: Any) -> list[int]:
    """End tokens in a model's generation config."""
    listed = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    return [token for token in (listed if isinstance(listed, list) else [listed]) if token is not None]


def _begun(messages: Sequence[Message]) -> tuple[Sequence[Message], str]:
    """The messages of a prompt, and what of the assistant's text is there already."""
    if messages and messages[-1]["role"] == "assistant":
        return messages[:-1], messages[-1]["content"]
    return messages, ""


def system_to_user(messages: Sequence[Message]) -> list[Message]:
    """Messages whose system text stands before the first user's, with an empty line between; alone, it is a user's."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    rest = [message for message in messages if message["role"] != "system"]
    first = next((place for place, message in enumerate(rest) if message["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": system}, *rest]
    joined = {**rest[first], "content": f"{system}\n\n{rest[first]['content']}"}
    return [*rest[:first], joined, *rest[first + 1 :]]
