"""A model's thoughts: which tags, what its chat template does with them in the prompt, and that decoding keeps them.

`thought_tags` resolves them once for a tokenizer. `Decoder` turns completions into text: a tag that is a special token
would vanish with the end marks, and the parser would see a completion that was never written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from treadle.errors import ModelError, RecipeError
from treadle.scoring.rewards import WRITTEN
from treadle.scoring.thoughts import PLAIN, Block, ThoughtTags

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

_PROMPTS = ([{"role": "user", "content": "1"}], [{"role": "system", "content": "1"}, {"role": "user", "content": "1"}])


def thought_tags(
    tokenizer: PreTrainedTokenizerBase,
    pair: Sequence[str] | None = None,
    template_kwargs: Mapping[str, Any] | None = None,
) -> ThoughtTags:
    """The thought tags of a run.

    Args:
        tokenizer: One without a chat template opens nothing.
        pair: The opening and the closing tag; `None` for the paper's.
        template_kwargs: What prompts are rendered with besides the messages, such as `enable_thinking`.

    Raises:
        RecipeError: `pair` is no pair of tags, or the template opens thoughts with another one.
        ModelError: The template cannot render a prompt.
    """
    tags = tags_of_pair(pair)
    settings = dict(template_kwargs or {})
    if tokenizer.chat_template is None and settings.get("chat_template") is None:
        return tags
    prompt = _rendered(tokenizer, settings)
    found = tags.after(prompt)
    other = next((p for p in _KNOWN if p != tags.pair and ThoughtTags(*p).after(prompt).block is not Block.NONE), None)
    if found.block is Block.NONE and other is not None:
        raise RecipeError(
            f"thought_tags: the chat template puts {other[0]} at the end of prompts, but the thought tags are "
            f"{tags.open} and {tags.close}; set thought_tags: {_listed(other)}"
        )
    return found


def tags_of_pair(pair: Sequence[str] | None) -> ThoughtTags:
    """The tags of a setting; `None` for the paper's.

    Raises:
        RecipeError: It is no pair of tags.
    """
    try:
        return PLAIN if pair is None else ThoughtTags.from_json(pair)
    except ValueError as error:
        raise RecipeError(str(error)) from None


def _rendered(tokenizer: PreTrainedTokenizerBase, settings: dict[str, Any]) -> str:
    """A short prompt; a template may want a system message first."""
    reasons = []
    for messages in _PROMPTS:
        try:
            return tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **settings)
        except (TemplateError, TypeError, ValueError) as error:
            reasons.append(" ".join(str(error).split()))
    raise ModelError(f"the chat template cannot render a prompt of one message ({reasons[0]})")


def _listed(pair: tuple[str, str]) -> str:
    return f'["{pair[0]}", "{pair[1]}"]'


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Tokens that decoding leaves out with `skip_special_tokens`."""
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))


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
        self._special = special_ids(tokenizer)
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
