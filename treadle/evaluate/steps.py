"""How well a model gives the expert's next step, after the expert's own steps (the task that SRL trains)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from treadle.completion import FormatFault, parse_completion
from treadle.evaluate.generation import generate
from treadle.rewards import step_similarity
from treadle.trajectory import StepInstance


@dataclass
class StepScores:
    """Scores of N instances.

    Args:
        exact: For each instance whether the action is the expert's, letter for letter.
        similarity: For each the reward's similarity, 0 for a format fault.
        thought_tokens: Length of each well-formed thought.
        faults: Format faults by kind; N minus their sum are well-formed.
        texts: What the model wrote.
    """

    exact: list[bool] = field(default_factory=list)
    similarity: list[float] = field(default_factory=list)
    thought_tokens: list[int] = field(default_factory=list)
    faults: Counter[FormatFault] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)


def score_steps(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    instances: Sequence[StepInstance],
    max_new_tokens: int,
    temperature: float = 0.0,
    batch_size: int = 128,
) -> StepScores:
    """Generate one step for each instance and compare it with the expert's."""
    scores = StepScores()
    for instance, generation in zip(
        instances,
        generate(model, tokenizer, [i.prompt for i in instances], max_new_tokens, temperature, batch_size),
        strict=True,
    ):
        scores.texts.append(generation.text)
        parsed = parse_completion(generation.text, truncated=generation.truncated, think_tags="optional")
        if isinstance(parsed, FormatFault):
            scores.faults[parsed] += 1
            scores.exact.append(False)
            scores.similarity.append(0.0)
            continue
        scores.exact.append(parsed.action == instance.expert_action)
        scores.similarity.append(step_similarity(parsed.action, instance.expert_action))
        scores.thought_tokens.append(len(tokenizer(parsed.thought, add_special_tokens=False)["input_ids"]))
    return scores
