"""The page on teachers shows the prompts as they are, and names every setting and every reason."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from treadle.cli import teach_rewrite, teach_solve
from treadle.teacher.checks import Reason
from treadle.teacher.checks.resolved import EpisodeFault, NoVerdict

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/teacher.md").read_text(encoding="utf-8")
PROMPTS = sorted((ROOT / "treadle/teacher/prompts").glob("*.j2"))


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda path: path.name)
def test_prompts_are_shown_in_full(prompt):
    shown = re.findall(r"```jinja\n(.*?)\n```", PAGE, re.DOTALL)
    assert prompt.read_text(encoding="utf-8").strip() in shown
    assert len(shown) == len(PROMPTS)


@pytest.mark.parametrize("command", [teach_solve.solve, teach_rewrite.rewrite], ids=lambda command: command.__name__)
def test_every_setting_is_named(command):
    given = {"called", "problems", "solutions", "out", "model", "samples"}  # in the first lines of the page
    flags = {f"--{name.replace('_', '-')}" for name in inspect.signature(command).parameters if name not in given}
    assert [flag for flag in sorted(flags) if f"`{flag}" not in PAGE and f" {flag}" not in PAGE] == []


def test_every_reason_is_in_the_table_of_checks():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    reasons = [*Reason, *EpisodeFault, *NoVerdict]
    assert [str(reason) for reason in reasons if not any(f"`{reason}`" in row for row in rows)] == []
