"""A model's thoughts: which tags, what its chat template does with them in the prompt, and that decoding keeps them.

`tags_after` resolves them once for a `Chat`. `Decoder` turns completions into text: a tag that is a special token
would vanish with the end marks, and the parser would see a completion that was never written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from treadle.chat.probes import special_ids
from treadle.errors import RecipeError
from treadle.scoring.rewards import WRITTEN
from treadle.scoring.thoughts import PLAIN, Block, ThoughtTags, tags_of_pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_KNOWN = (
    PLAIN.pair,
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
)
"""Tags that chat templates of reasoning models open in the prompt."""


def tags_after(prompt: str, pair: Sequence[str] | None = None) -> ThoughtTags:
    """The thought tags of a model.

    Args:
        prompt: A prompt of its, as the chat template renders a message without tags.
        pair: The opening and the closing tag; `None` for the paper's.

    Raises:
        RecipeError: `pair` is no pair of tags, or the template opens thoughts with another one.
    """
    found = _after(prompt, tags := tags_of_pair(pair))
    others = (p for p in _KNOWN if p != tags.pair)
    other = next((p for p in others if _after(prompt, ThoughtTags(*p)).block is not Block.NONE), None)
    if found.block is Block.NONE and other is not None:
        raise RecipeError(
            f"thought_tags: the chat template puts {other[0]} at the end of prompts, but the thought tags are "
            f"{tags.open} and {tags.close}; set thought_tags: {_listed(other)}"
        )
    return found


def _after(prompt: str, tags: ThoughtTags) -> ThoughtTags:
    """The tags after a prompt of the template's own words: a closing tag at its end is no talk of tags, and closes the
    block even where nothing opened it."""
    closed = prompt.rstrip().endswith(tags.close)
    return replace(tags, block=Block.CLOSED) if closed else tags.after(prompt)


def _listed(pair: tuple[str, str]) -> str:
    return f'["{pair[0]}", "{pair[1]}"]'


class Decoder:
    """Token ids to text, without special tokens except thought tags.

    Args:
        tokenizer: The model's.
        tags: Those to be kept.

    Attributes:
        kept: Ids of tags that are special tokens, which other decoding leaves out.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, tags: ThoughtTags = PLAIN) -> None:
        self._tokenizer = tokenizer
        self._special = frozenset(special_ids(tokenizer))
        pieces = tokenizer(list(tags.pair), add_special_tokens=False)["input_ids"]
        self.kept = self._special & {number for ids in pieces for number in ids}

    def __call__(self, ids: Iterable[int]) -> str:
        ids = list(ids)
        if self.kept.isdisjoint(ids):
            return self._tokenizer.decode(ids, skip_special_tokens=True)
        left = [number for number in ids if number in self.kept or number not in self._special]
        return self._tokenizer.decode(left, skip_special_tokens=False)

    def restored(self, generated: tuple) -> tuple:
        """What TRL's `_generate` returned, its completions (strings or lists of messages) with what they have lost.

        Tags that decoding left out are put back. Where a response template has parsed the text, the message gets the
        text itself beside, as `WRITTEN`: a template keeps the last of several thoughts and drops an empty one, so that
        a broken format would look sound. Turns with tools are left as they are, and texts that special tokens divide.
        """
        prompt_ids, completion_ids, mask, completions, *rest = generated
        if self.kept or _parses(self._tokenizer):
            completions = [self._restored(*pair) for pair in zip(completions, completion_ids, strict=True)]
        return prompt_ids, completion_ids, mask, completions, *rest

    def _restored(self, completion: Any, ids: Sequence[int]) -> Any:
        bare, text = self._tokenizer.decode(ids, skip_special_tokens=True), self(ids)
        if isinstance(completion, str):
            return text if completion == bare else completion
        if len(completion) != 1 or completion[0].get("content") == text:
            return completion
        (message,) = completion
        if message.get("content") == bare:
            return [{**message, "content": text}]
        return completion if self._divides(ids) else [{**message, WRITTEN: text}]

    def _divides(self, ids: Sequence[int]) -> bool:
        """Whether special tokens stand within a text and not only at its end."""
        special = [number in self._special and number not in self.kept for number in ids]
        return True in special and False in special[special.index(True) :]


def _parses(tokenizer: PreTrainedTokenizerBase) -> bool:
    return any(getattr(tokenizer, name, None) is not None for name in ("response_template", "response_schema"))
