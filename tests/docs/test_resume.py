"""What the page on checkpoints says of their content."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from treadle.training.parts import Parts
from treadle.training.sft_trainer import GuardedSFTTrainer

PAGE = (Path(__file__).parents[2] / "docs" / "resume.md").read_text(encoding="utf-8")
STATE = re.compile(r'"(\w+)": self\.')


def test_the_parts_with_state_are_those_of_the_trainers():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (yes|) ?\|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == STATE.findall(inspect.getsource(Parts.with_state.fget))
    assert [name for name, sft in rows if sft] == STATE.findall(inspect.getsource(GuardedSFTTrainer.__init__))
