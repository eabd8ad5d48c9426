"""What a template does with a message, found out by giving it one and looking for it in the text.

Nothing else tells: templates refuse a system message, drop it without a word, strip texts or write them anew, and end
an assistant's turn each in its own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from treadle.chat.template import Template
from treadle.errors import ModelError
from treadle.trajectory import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Words without white space or markup, which no template strips, escapes or has by itself.
_USER, _SYSTEM, _ASSISTANT = "Uq7userZk", "Sq7systemZk", "Aq7assistantZk"


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def question(template: Template) -> str:
    """A prompt of a user's word, as the template renders it."""
    return template.text([_message("user", _USER)])


def settle_form(template: Template) -> None:
    """Settle whether the template takes a user's text as it is, or in blocks.

    Raises:
        ModelError: It shows the text in neither form, or refuses a user's message alone.
    """
    if _USER in question(template):
        return
    template.blocks = True
    if _USER not in question(template):
        raise ModelError(f"{template.name}: the chat template drops a user's text; take another tokenizer")


def shows_system(template: Template) -> bool:
    """Whether the template renders a system message before a user's: neither refuses nor drops it."""
    try:
        return _SYSTEM in template.text([_message("system", _SYSTEM), _message("user", _USER)])
    except ModelError:
        return False


def shows_date(template: Template) -> bool:
    """Whether prompts change with the day."""
    system = [_message("system", _SYSTEM)] if shows_system(template) else []
    day, texts = template.day, set()
    try:
        for template.day in ("2001-02-03", "2012-11-25"):
            texts.add(template.text([*system, _message("user", _USER)]))
    finally:
        template.day = day
    return len(texts) > 1


def end_of_turn(template: Template) -> tuple[int, ...]:
    """The tokens that follow an assistant's text up to the special one that ends the turn, which is the last.

    Where several special tokens follow one another, those belong to the turn that stand there before another turn as
    well as at the end: some templates end a conversation with a token of its own.

    The tokenizer's end-of-sequence token alone where the template has no such token, or shows no assistant's turn;
    nothing where there is none either.
    """
    tokenizer = template.tokenizer
    last, between = _after_text(template), _after_text(template, [_message("user", _SYSTEM)])
    for marks in (special_ids(tokenizer), set(tokenizer.added_tokens_decoder)):
        places = [place for place, token in enumerate(last) if token in marks]
        shared = [place for place in places if last[: place + 1] == between[: place + 1]]
        if places:
            return tuple(last[: (shared or places[:1])[-1] + 1])
    return () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)


def _after_text(template: Template, more: Sequence[Message] = ()) -> list[int]:
    """Tokens after the text of an assistant's turn that other messages may follow; none if it is refused or dropped."""
    turns = [_message("user", _USER), _message("assistant", _ASSISTANT), *more]
    try:
        _, found, after = template.text(turns, prompt=False).rpartition(_ASSISTANT)
    except ModelError:
        return []
    return template.tokenizer(after, add_special_tokens=False)["input_ids"] if found else []


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens that decoding a completion leaves out."""
    added = tokenizer.added_tokens_decoder
    return {*tokenizer.all_special_ids, *(number for number, token in added.items() if token.special)}
