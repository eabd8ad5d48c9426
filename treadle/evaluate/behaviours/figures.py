"""Figures of behaviours over samples, as results.json and the report hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from treadle.evaluate.behaviours.detection import Detection, detect
from treadle.evaluate.behaviours.interleaving import detect_interleaving
from treadle.evaluate.behaviours.rules import Behaviour
from treadle.evaluate.records import Sample
from treadle.evaluate.tokens import by_group
from treadle.scoring.thoughts import PLAIN, ThoughtTags, blocks
from treadle.statistics.clustered import COUNTS, grouped_mean

EXAMPLES = 3
_QUOTED = 200  # characters of an example's text

MEASURED: dict[Behaviour, dict[str, tuple[int, int]]] = {
    Behaviour.PLANNING: {"precision": (26, 30), "recall": (26, 38), "single_detections": (24, 40)},
    Behaviour.ADJUSTMENT: {"precision": (14, 17), "recall": (14, 17), "single_detections": (30, 40)},
    Behaviour.VERIFICATION: {"precision": (65, 65), "recall": (65, 66), "single_detections": (40, 40)},
}
"""What `benchmarks/behaviours.py` found on the test half of the labels, as (right, of), see docs/behaviours.md."""

Over = Literal["thoughts", "text"]


class _Found(NamedTuple):
    sample: Sample
    block: int | None
    text: str
    detection: Detection


def behaviour_figures(
    samples: Iterable[Sample], over: Over = "thoughts", thought_tags: ThoughtTags = PLAIN
) -> dict[str, Any]:
    """How often samples plan, adjust, verify and interleave.

    Args:
        samples: Of one benchmark, mode and decoding, or of several pooled.
        over: `"thoughts"` looks into the think blocks, as the behaviours are defined. `"text"` looks at all that was
            written, blocks or not, which alone compares a model that writes them with one that does not.
        thought_tags: Where thoughts begin and end.

    Returns:
        What JSON can hold: `over`; `samples`; `without_thoughts`, samples without any think block; and `behaviours`,
        from each behaviour to `share` of samples with it and `mean_count` a sample, both a `Figure` of
        `treadle.statistics.clustered` with intervals over problems; `mean_position` of the detections, from 0
        (beginning of the block or text) to 1; `by_rule`, detections by rule; `examples`, up to three from different
        problems where there are as many; and `measured`, the detector's own precision and recall, without which the
        rest says little. Interleaving is looked for in whole solutions only: in the loop each step has its block by
        construction. `share` and the rest are `None` where no sample could show the behaviour.
    """
    kept = list(samples)
    whole = [sample for sample in kept if sample.key.mode == "whole"]
    found = {behaviour: [] for behaviour in Behaviour}
    for sample in kept:
        for block, text in _traces(sample, over):
            for detection in detect(text):
                found[detection.behaviour].append(_Found(sample, block, text, detection))
    for sample in whole:
        for detection in detect_interleaving(sample.text, thought_tags):
            found[Behaviour.INTERLEAVING].append(_Found(sample, None, sample.text, detection))
    return {
        "over": over,
        "samples": len(kept),
        "without_thoughts": sum(not blocks(sample.text, thought_tags) and not sample.thoughts for sample in kept),
        "behaviours": {
            str(behaviour): _figures(behaviour, whole if behaviour is Behaviour.INTERLEAVING else kept, places)
            for behaviour, places in found.items()
        },
    }


def behaviours_by_group(
    samples: Iterable[Sample], over: Over = "thoughts", thought_tags: ThoughtTags = PLAIN
) -> dict[str, dict[str, Any]]:
    """`behaviour_figures` for each `"benchmark/mode/decoding"` of a run."""
    return {name: behaviour_figures(members, over, thought_tags) for name, members in by_group(samples).items()}


def _traces(sample: Sample, over: Over) -> list[tuple[int | None, str]]:
    if over == "thoughts":
        return list(enumerate(sample.thoughts))
    if over != "text":
        raise ValueError(f"over={over!r}: expected 'thoughts' or 'text'")
    return [(None, sample.text)]


def _figures(behaviour: Behaviour, samples: Sequence[Sample], found: Sequence[_Found]) -> dict[str, Any]:
    counts = Counter(id(place.sample) for place in found)
    counts_N = [counts[id(sample)] for sample in samples]
    problems = [(sample.key.benchmark, sample.key.problem) for sample in samples]
    positions = [place.detection.position for place in found]
    return {
        "share": grouped_mean([float(count > 0) for count in counts_N], problems, share=True) if samples else None,
        "mean_count": grouped_mean(counts_N, problems, within=COUNTS) if samples else None,
        "mean_position": sum(positions) / len(positions) if positions else None,
        "by_rule": dict(Counter(place.detection.rule for place in found)),
        "examples": [_example(place) for place in _chosen(found)],
        "measured": {name: list(pair) for name, pair in MEASURED.get(behaviour, {}).items()},
    }


def _chosen(found: Sequence[_Found]) -> list[_Found]:
    """The first of each problem, then, if these are too few, the next ones in order."""
    seen: set[tuple[str, str]] = set()
    firsts, others = [], []
    for place in found:
        problem = (place.sample.key.benchmark, place.sample.key.problem)
        (others if problem in seen else firsts).append(place)
        seen.add(problem)
    return [*firsts, *others][:EXAMPLES]


def _example(place: _Found) -> dict[str, Any]:
    detection = place.detection
    return {
        **place.sample.key._asdict(),
        "block": place.block,
        "start": detection.start,
        "end": detection.end,
        "position": detection.position,
        "rule": detection.rule,
        "cue": detection.cue[:_QUOTED],
        "text": place.text[detection.start : detection.end][:_QUOTED],
    }
