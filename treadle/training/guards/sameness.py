"""How much alike the completions of a generation are across its prompts, beside the experts' actions.

What is compared are the actions, or the whole texts where they do not parse. Nothing here depends on the order of the
completions, so that rounds and processes can be put together as they come.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from treadle.scoring.completion import FormatFault, ThinkTags, parse_completion
from treadle.scoring.rewards import ModelOutput, completion_text, step_similarity
from treadle.scoring.thoughts import PLAIN

PAIRS = 64
"""Pairs whose similarity is measured, at most."""

COMPARED_CHARACTERS = 500
"""Of a text, from its beginning, where similarity is measured."""

COPIED_CHARACTERS = 20
"""Shorter texts may stand in a prompt by chance."""


class Said(NamedTuple):
    """A completion, as far as it is compared.

    Args:
        prompt: Hash of the prompt.
        text: The action, or all of it where it does not parse.
        expert: The expert's action for this prompt.
        reference: What is to be said for this prompt: the expert's action or the reference answer.
        copied, expert_copied: Whether the prompt contains the text, the expert's action.
        reward: In total; NaN for none.
    """

    prompt: str
    text: str
    expert: str | None
    reference: str | None
    copied: bool
    expert_copied: bool
    reward: float


def said(row: Mapping[str, Any], completion: ModelOutput, reward: float, think_tags: ThinkTags) -> Said:
    """What is compared of a completion.

    Args:
        row: With the columns `prompt` and `truncated`, and `thought_tags`, `expert_action` or `answer` where there are
            any.
        completion: As TRL gives it to reward functions.
        reward: In total; NaN for none.
        think_tags: As the reward reads completions.
    """
    tags = row.get("thought_tags", PLAIN)
    text = completion_text(completion, tags)
    parsed = parse_completion(text, truncated=bool(row["truncated"]), think_tags=think_tags, thought_tags=tags)
    action = text.strip() if isinstance(parsed, FormatFault) else parsed.action
    prompt, expert, answer = _prompt_text(row["prompt"]), row.get("expert_action"), row.get("answer")
    expert = None if expert is None else str(expert).strip()
    reference = expert if expert is not None or answer is None else str(answer).strip()
    copied, expert_copied = (t is not None and len(t) >= COPIED_CHARACTERS and t in prompt for t in (action, expert))
    return Said(_digest(prompt), action, expert, reference, copied, expert_copied, reward)


def measures(everything: Sequence[Said]) -> dict[str, float]:
    """The metrics of a generation, by name; those that compare prompts only where there are two.

    Returns:
        `distinct`: different texts over completions. `copied`: share of completions that stand in their own prompt,
        as a step before or an example does. `shared`: share of completions that another prompt has got as well.
        `equal`: share of equal ones among the pairs of completions of different prompts. `similarity`: mean over a
        sample of such pairs. `.../experts`: the same for the experts' actions, or the reference answers in `equal`.
    """
    texts, expected = by_prompt(everything), references(everything)
    experts = {one.prompt: one for one in everything if one.expert is not None}
    prompts_of = Counter(text for group in texts.values() for text in set(group))
    found = {
        "distinct": len(prompts_of) / len(everything),
        "copied": sum(one.copied for one in everything) / len(everything),
    }
    if experts:
        found["copied/experts"] = sum(one.expert_copied for one in experts.values()) / len(experts)
    if len(texts) > 1:
        found["shared"] = sum(prompts_of[one.text] > 1 for one in everything) / len(everything)
        found["equal"] = equal_pairs(texts)
        found["similarity"] = mean_similarity(texts)
    if len(expected) > 1:
        found["equal/experts"] = equal_pairs(expected)
    if len(experts) > 1:
        found["similarity/experts"] = mean_similarity({prompt: expected[prompt] for prompt in experts})
    return found


def excess(everything: Sequence[Said]) -> float:
    """By how much more pairs of completions are equal than pairs of references; 0 where that cannot be told."""
    expected = references(everything)
    texts = {prompt: group for prompt, group in by_prompt(everything).items() if prompt in expected}
    return equal_pairs(texts) - equal_pairs(expected) if len(expected) > 1 else 0.0


def equal_pairs(texts: Mapping[str, Sequence[str]]) -> float:
    """Of all pairs of texts of different prompts, the share that are equal; 0 without such pairs."""
    everywhere, within = _equal(itertools.chain(*texts.values())), sum(map(_equal, texts.values()))
    pairs = sum(map(len, texts.values())) ** 2 - sum(len(group) ** 2 for group in texts.values())
    return (everywhere - within) / pairs if pairs else 0.0


def _equal(texts: Iterable[str]) -> int:
    """Ordered pairs of equal texts, each with itself among them."""
    return sum(count * count for count in Counter(texts).values())


def mean_similarity(texts: Mapping[str, Sequence[str]]) -> float:
    """Mean `step_similarity` of texts of two different prompts, over at most `PAIRS` ordered pairs of prompts.

    Which pairs and texts these are depends on what there is and not on its order.
    """
    prompts = sorted(texts)
    draw = random.Random("".join(prompts))
    others = len(prompts) - 1
    found = []
    for number in draw.sample(range(len(prompts) * others), min(PAIRS, len(prompts) * others)):
        one, other = divmod(number, others)
        pair = (texts[prompts[p]] for p in (one, other + (other >= one)))
        found.append(step_similarity(*(draw.choice(sorted(group))[:COMPARED_CHARACTERS] for group in pair)))
    return sum(found) / len(found)


def by_prompt(everything: Sequence[Said]) -> dict[str, list[str]]:
    """The texts of each prompt."""
    texts = defaultdict(list)
    for one in everything:
        texts[one.prompt].append(one.text)
    return dict(texts)


def references(everything: Sequence[Said]) -> dict[str, list[str]]:
    """What is to be said, one text a prompt; of rows that differ in it the first by the alphabet."""
    found: dict[str, str] = {}
    for one in everything:
        if one.reference is not None:
            found[one.prompt] = min(one.reference, found.get(one.prompt, one.reference))
    return {prompt: [reference] for prompt, reference in found.items()}


def _prompt_text(prompt: Any) -> str:
    """A prompt's text, of a string or of messages; parts that are not text are left as Python writes them."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(str(message.get("content") or "") for message in prompt)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
