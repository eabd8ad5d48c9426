"""The second pass's decisions: which of the trajectories are kept, and which are held out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from treadle.data.curate.duplicates import duplicates
from treadle.data.curate.holdout import choose_held_out, over_cap
from treadle.data.prepare.parts import Facts
from treadle.data.prepare.settings import PrepareSettings
from treadle.data.sources.report import DropReason

EXAMPLES = 10


@dataclass
class Selection:
    """What becomes of the N trajectories that the first pass kept.

    Args:
        dropped: Reason and detail by number, in the order of the input.
        held_out: Numbers of those that are held out.
        duplicates: How many are exact and near duplicates of an earlier one, whether or not they are dropped.
        duplicate_examples: Ids of a duplicate and of the earlier trajectory.
    """

    dropped: dict[int, tuple[DropReason, str]] = field(default_factory=dict)
    held_out: set[int] = field(default_factory=set)
    duplicates: Counter[str] = field(default_factory=Counter)
    duplicate_examples: list[tuple[str, str]] = field(default_factory=list)


def select(facts: list[Facts], signatures: np.ndarray, settings: PrepareSettings) -> Selection:
    """Decide over all trajectories: ids that occur twice, duplicates, the cap of a repository, the held-out split.

    Args:
        facts: Of the N trajectories, in the order of the input.
        signatures: `[N, P]`, see `Part`.

    Raises:
        DataError: The split would leave nothing to train on.
    """
    selection = Selection()
    seen: set[str] = set()
    for number, fact in enumerate(facts):
        if fact.id in seen:
            selection.dropped[number] = (DropReason.DUPLICATE_ID, fact.id)
        seen.add(fact.id)
    if settings.duplicates != "off":
        _find_duplicates(facts, signatures, settings, selection)
    if settings.repo_cap is not None:
        left = [n for n in range(len(facts)) if n not in selection.dropped]
        for number, over in zip(left, over_cap([facts[n].repo for n in left], settings.repo_cap), strict=True):
            if over:
                selection.dropped[number] = (DropReason.REPOSITORY_CAP, str(facts[number].repo))
    left = [n for n in range(len(facts)) if n not in selection.dropped]
    if left:
        chosen = choose_held_out([facts[n].group for n in left], settings.held_out, settings.seed)
        selection.held_out = {left[i] for i in chosen}
    return selection


def _find_duplicates(
    facts: list[Facts], signatures: np.ndarray, settings: PrepareSettings, selection: Selection
) -> None:
    """Exact duplicates by their keys; near ones by their signatures, among those that are not exact."""
    keys = {number: fact.key for number, fact in enumerate(facts) if number not in selection.dropped}
    exact, near = duplicates(
        keys, lambda rows: signatures if len(rows) == len(signatures) else signatures[rows], settings.near_threshold
    )
    pairs = [(*pair, DropReason.EXACT_DUPLICATE) for pair in exact]
    pairs += [(*pair, DropReason.NEAR_DUPLICATE) for pair in near]
    for later, earlier, reason in pairs:
        selection.duplicates["exact" if reason is DropReason.EXACT_DUPLICATE else "near"] += 1
        if len(selection.duplicate_examples) < EXAMPLES:
            selection.duplicate_examples.append((facts[later].id, facts[earlier].id))
        if settings.duplicates == "drop":
            selection.dropped[later] = (reason, f"like {facts[earlier].id}")
