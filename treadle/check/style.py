"""How unlikely the expert's thoughts are to the model, beside what it writes itself.

Where they are as likely as its own words, the expert works as the student does, and fine-tuning on the demonstrations
has nothing foreign to teach (docs/miniature.md, the oracle). Both are measured under the prompts of single steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch

from treadle.check.subject import Subject
from treadle.data.instances import step_instance
from treadle.trajectory import Trajectory

TRACES = 8
"""Texts that are measured of either kind, each of another trajectory or prompt."""
TOKENS = 512
"""Tokens of a text that are measured."""

Text = tuple[list[int], list[int]]
"""Tokens of a prompt, and of what follows it."""


def has_thoughts(trajectory: Trajectory) -> bool:
    """Whether some step comes with the expert's thought."""
    return any(step.thought for step in trajectory.steps)


def expert_traces(subject: Subject) -> list[Text]:
    """Steps of the first trajectories that have thoughts, each as fine-tuning on traces has it; none where there are
    no thoughts."""
    return list(islice(_traces(subject), TRACES))


def _traces(subject: Subject) -> Iterator[Text]:
    chat, tags = subject.chat, subject.shown.tags
    for trajectory in islice(subject.prepared.trajectories(), 8 * TRACES):
        number = next((n for n, step in enumerate(trajectory.steps, 1) if step.thought), None)
        if number is None:
            continue
        step = trajectory.steps[number - 1]
        prompt = step_instance(trajectory, number, subject.prepared.rendering, subject.shown.asking).prompt
        yield chat.prompt(prompt), chat.text_ids(tags.written(step.thought, step.action, True))


@torch.inference_mode()
def surprise(network: Any, texts: Sequence[Text]) -> float | None:
    """Mean nats a token, over texts of which each counts alike; `None` without texts."""
    found = []
    for prompt, ids in texts:
        ids = ids[:TOKENS]
        if not ids:
            continue
        tokens_1T = torch.tensor([[*prompt, *ids]], device=network.device)
        logits_CV = network(input_ids=tokens_1T, logits_to_keep=len(ids) + 1).logits[0, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits_CV, tokens_1T[0, len(prompt) :])
        found.append(float(loss))
    return sum(found) / len(found) if found else None
