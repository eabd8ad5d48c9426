"""Real actions of four kinds: those that a reward is tried on, and constants taken from others."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from pathlib import Path

from treadle import Trajectory, read_trajectories

FORMS = {
    "gsm8k": ["math/gsm8k_train_2000.jsonl"],
    "titled": ["math/amc_aime_solutions.jsonl"],
    "swe-smith": ["trajectories/swe_smith_messages.jsonl", "trajectories/swe_smith_xml.jsonl"],
    "swe-agent": ["trajectories/swe_agent", "trajectories/nebius_swe_agent.jsonl"],
}
OTHERS = [".", "0", " the ", "Therefore, the answer is 1.", "Tom has 3*4 = <<3*4=12>>12 pens.", "ls"]


@cache
def trajectories(data: Path, form: str) -> list[Trajectory]:
    found = [t for file in FORMS[form] for t in read_trajectories(data / file, keep_unverified=True)]
    random.Random(0).shuffle(found)
    return found


def held_out(data: Path, form: str) -> list[Trajectory]:
    """The second half."""
    found = trajectories(data, form)
    return found[len(found) // 2 :]


def candidates(data: Path, form: str) -> list[str]:
    """Twelve actions of the first half, the most frequent ones first, and texts of no data."""
    found = trajectories(data, form)
    counts = Counter(s.action for t in found[: len(found) // 2] for s in t.steps if len(s.action) < 1200)
    return [*(action for action, _ in counts.most_common(12)), *OTHERS]
