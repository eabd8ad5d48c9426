"""What a template does with a message, found out by giving it one and looking for it in the text.

Nothing else tells: templates refuse a system message, drop it without a word, strip texts or write them anew, and end
an assistant's turn each in its own way.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import takewhile
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


def left_out_of_prompts(template: Template) -> str:
    """What an assistant's turn begins with and prompts do not end with, white space around it aside.

    A header, where the template does not know `add_generation_prompt`, or the channel that an answer is given in. Empty
    where prompts end with it all, and where they end otherwise.
    """
    turns = [_message("user", _USER), _message("assistant", _ASSISTANT)]
    try:
        before, found, _ = template.text(turns, prompt=False).rpartition(_ASSISTANT)
    except ModelError:
        return ""
    asked = question(template)
    return before.removeprefix(asked).strip() if found and before.startswith(asked) else ""


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
    well as at the end: some templates end a conversation with a token of its own. One with which a turn begins is none
    of them: some templates open the next turn whether they are asked to or not.

    The tokenizer's end-of-sequence token alone where the template has no such token, or shows no assistant's turn;
    nothing where there is none either.
    """
    tokenizer = template.tokenizer
    last, between = _after_text(template), _after_text(template, [_message("user", _SYSTEM)])
    for marks in (special_ids(tokenizer), set(tokenizer.added_tokens_decoder)):
        begin, answered = _beginnings(template, marks)
        places = [place for place, token in enumerate(last) if token in marks]
        shared = [place for place in places if last[: place + 1] == between[: place + 1]]
        found = [place for place in shared if begin.isdisjoint(last[: place + 1])]
        if not shared:  # the first of a conversation's end, unless it is seen to begin the assistant's turn
            found = [place for place in places[:1] if last[place] not in begin | (answered if between else set())]
        if found:
            return tuple(last[: found[-1] + 1])
    return () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)


def _beginnings(template: Template, marks: Set[int]) -> tuple[set[int], set[int]]:
    """Tokens of `marks` at the beginning of a prompt, before any other; and those after a prompt's last message."""
    system = [_message("system", _SYSTEM)] if shows_system(template) else []
    text = template.text([*system, _message("user", _USER)])
    before, after = (
        template.tokenizer(part, add_special_tokens=False)["input_ids"]
        for part in (text.partition(_SYSTEM if system else _USER)[0], text.rpartition(_USER)[2])
    )
    return set(takewhile(marks.__contains__, before)), marks & set(after)


def _after_text(template: Template, more: Sequence[Message] = ()) -> list[int]:
    """Tokens after the text of an assistant's turn that other messages may follow; none if it is refused or dropped."""
    turns = [_message("user", _USER), _message("assistant", _ASSISTANT), *more]
    try:
        _, found, after = template.text(turns, prompt=False).rpartition(_ASSISTANT)
    except ModelError:
        return []
    return ids_after(template.tokenizer, _ASSISTANT, after) if found else []


def ids_after(tokenizer: PreTrainedTokenizerBase, before: str, text: str) -> list[int]:
    """Tokens of `text` where `before` stands before it; those of the text alone where the two share a token, or nothing
    stands before it."""
    if before:
        start, whole = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (before, before + text))
        if whole[: len(start)] == start:
            return whole[len(start) :]
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def before_texts(template: Template) -> str:
    """What stands before an assistant's text for a tokenizer that puts a space before all that it is given: nothing
    where such a space belongs there by the template, otherwise a line break, after which there is none."""
    tokenizer = template.tokenizer
    alone, after = (ids_after(tokenizer, before, _ASSISTANT) for before in ("", "\n"))
    if alone == after:
        return ""
    try:
        text = template.text([_message("user", _USER), _message("assistant", _ASSISTANT)], prompt=False)
    except ModelError:
        return ""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with_space, without = (
        any(ids[place : place + len(part)] == part for place in range(len(ids))) for part in (alone, after)
    )
    return "\n" if without and not with_space else ""


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens that decoding a completion leaves out."""
    added = tokenizer.added_tokens_decoder
    return {*tokenizer.all_special_ids, *(number for number, token in added.items() if token.special)}
