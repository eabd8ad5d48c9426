"""Single next steps on the page of a run: the model's action beside the expert's, with the matched blocks.

The matched blocks are those that the similarity reward counts (the model's action is the matcher's first argument), so
on both sides they are the same blocks, and the marked share of both texts together is the similarity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from treadle.evaluate.records import StepSample
from treadle.report.parts import Part, Parts, parts, size
from treadle.report.text import label
from treadle.scoring.rewards import SequenceMatcher
from treadle.scoring.thoughts import PLAIN, ThoughtTags
from treadle.trajectory import Step

MOST = 2000
"""Steps in the list of the page; the figures are over all of them."""
LONGEST_MATCHED = 10_000
"""Characters of an action up to which blocks are looked for: the matcher takes the square of the length at worst."""

GROUPS = {
    "by_place": "by place in the solution",
    "by_position": "by number of the step",
    "by_difficulty": "by steps of the expert's solution",
    "by_action_length": "by length of the expert's action",
}


def compared(action: str, expert_action: str) -> Parts | None:
    """Both actions as one list of parts: what both have, what only the model has, what only the expert has.

    Returns:
        Parts such that `BOTH` and `MODEL` joined are `action`, `BOTH` and `EXPERT` joined are `expert_action`;
        `None` where an action is longer than `LONGEST_MATCHED`.
    """
    if max(len(action), len(expert_action)) > LONGEST_MATCHED:
        return None
    found: Parts = []
    a = b = 0
    for place in SequenceMatcher(None, action, expert_action, autojunk=False).get_matching_blocks():
        found += [
            (Part.MODEL, action[a : place.a]),
            (Part.EXPERT, expert_action[b : place.b]),
            (Part.BOTH, action[place.a : place.a + place.size]),
        ]
        a, b = place.a + place.size, place.b + place.size
    return [(kind, text) for kind, text in found if text]


def step_texts(sample: StepSample, thought_tags: ThoughtTags = PLAIN) -> dict[str, Parts]:
    """The texts of a step: its prompt, the model's thought, and the two actions.

    With a format fault there is no action; the model's text then stands whole in its place.
    """
    prompt: Parts = [(Part.TEXT, f"[{m.get('role')}]\n{m.get('content') or ''}\n") for m in sample.prompt]
    texts = {"prompt": prompt, "thought": [(Part.THOUGHT, sample.thought)] if sample.thought else []}
    blocks = compared(sample.action, sample.expert_action) if sample.action is not None else None
    if blocks is not None:
        return {**texts, "blocks": blocks}
    model = parts(sample.text, thought_tags=thought_tags) if sample.action is None else [(Part.TEXT, sample.action)]
    return {**texts, "model": model, "expert": [(Part.TEXT, sample.expert_action)]}


def step_sizes(sample: StepSample) -> Iterator[tuple[int, int]]:
    """Sizes of what `step_texts` gives, without looking for blocks."""
    for message in sample.prompt:
        yield size(message.get("content") or "")
    yield size(sample.thought)
    yield size(sample.text if sample.action is None else sample.action)
    yield size(sample.expert_action)


def listed(samples: Iterable[StepSample]) -> Iterator[StepSample]:
    """Those that the page lists: the first `MOST`, in the order of the file."""
    return islice(samples, MOST)


def step_row(sample: StepSample) -> dict[str, Any]:
    """The head of a step in the list."""
    return {
        "key": f"{sample.trajectory_id}/{sample.step}",
        "trajectory": sample.trajectory_id,
        "step": sample.step,
        "n_steps": sample.n_steps,
        "label": label(Step(sample.expert_action), characters=90),
        "similarity": sample.similarity,
        "fault": str(sample.fault) if sample.fault else "",
        "exact": sample.exact,
        "tokens": sample.n_tokens,
        "thought_tokens": sample.thought_tokens,
        "unmatched": sample.action is not None and max(len(sample.action), len(sample.expert_action)) > LONGEST_MATCHED,
    }


def step_groups(view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The groups of `treadle.evaluate.step_view` with their titles, in its order."""
    return [{"title": title, "rows": view[name]} for name, title in GROUPS.items() if view.get(name)]
