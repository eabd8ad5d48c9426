"""Ways of experts, carried out on a real tree: greps and views are real, what pytest says is given."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from treadle.evaluate.swe.agent.editor import Editor
from treadle.evaluate.swe.agent.prompts import MOUNT, Call, parse_call
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.tasks.cases import Case
from treadle.evaluate.swe.tasks.mends import mend_of
from treadle.evaluate.swe.tasks.strategies import strategy

GOOD = """\
def clamp(value, low, high):
    if value < low:
        return low
    if value > high:
        return high
    return value


def largest(numbers):
    if not numbers:
        raise ValueError("no numbers")
    return max(numbers)
"""
BAD = GOOD.replace("return max(numbers)", "return min(numbers)")
TEST = """\
from sums.core import clamp, largest


def test_largest():
    assert largest([3, 1, 2]) == 3


def test_clamp():
    assert clamp(5, 0, 3) == 3
"""
FAILS = """\
OBSERVATION:
F                                                                        [100%]
tests/test_sums.py:5: in test_largest
    assert largest([3, 1, 2]) == 3
E   assert 1 == 3
1 failed in 0.01s"""
PASSES = """\
OBSERVATION:
.                                                                        [100%]
1 passed in 0.01s"""
SEEDS = range(60)


def case_at(root: Path, seed: int, issue: str) -> Case:
    for name, text in {"sums/__init__.py": "", "sums/core.py": BAD, "tests/test_sums.py": TEST}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    chance = random.Random(seed)
    mend = mend_of({"sums/core.py": BAD}, {"sums/core.py": GOOD}, chance.randint(0, 2), chance.randint(0, 2))
    meta = {"function": "largest", "kind": "twin_function", "file": "sums/core.py"}
    test = "tests/test_sums.py::test_largest"
    instance = SweInstance(f"sums__sums-{seed}", "sums", "sums==1", issue, "", (test,), (), meta=meta)
    return Case(instance, root, BAD, mend, chance)


def episode(case: Case) -> list[tuple[str, Call, str]]:
    """Thought, call and observation of each act."""
    editor, found = Editor(case.root, MOUNT), []
    acts = strategy(case)
    act = next(acts)
    while True:
        call = parse_call(act.call)
        assert isinstance(call, Call)
        observation = answer(case, editor, call)
        found.append((act.thought, call, observation))
        try:
            act = acts.send(observation)
        except StopIteration:
            return found


def answer(case: Case, editor: Editor, call: Call) -> str:
    if call.name == "submit":
        return "Here is a list of all of your changes"
    if call.name == "str_replace_editor":
        return f"OBSERVATION:\n{editor(call.arguments)}"
    command = call.arguments["command"].replace(MOUNT, str(case.root))
    command, runs, _ = command.partition("python -m pytest")
    ran = subprocess.run(["bash", "-c", command.rstrip("& ")], capture_output=True, text=True, cwd=case.root)
    if runs:
        return PASSES if (case.root / case.mend.file).read_text() == GOOD else FAILS
    return f"OBSERVATION:\n{ran.stdout}{ran.stderr}".replace(str(case.root), MOUNT)


@pytest.fixture(scope="module")
def episodes(tmp_path_factory) -> list[list[tuple[str, Call, str]]]:
    issues = ("Wrong result of `sums.core.largest`: 1, not 3.", "A wrong result: 1, not 3.")
    found = []
    for seed in SEEDS:
        root = tmp_path_factory.mktemp("tree")
        found.append(episode(case_at(root, seed, issues[seed % 2])))
        assert (root / "sums/core.py").read_text() == GOOD
        assert not (root / "reproduce.py").exists()
    return found


def place_of_edit(acts: list[tuple[str, Call, str]]) -> int:
    [place] = [n for n, (_, call, _) in enumerate(acts) if call.arguments.get("command") == "str_replace"]
    return place


def test_they_differ_in_length_and_in_what_they_do(episodes):
    lengths = {len(acts) for acts in episodes}
    assert min(lengths) >= 4
    assert max(lengths) <= 10
    assert len(lengths) >= 5
    assert len({acts[0][1].text for acts in episodes}) >= 10
    assert len({acts[place_of_edit(acts)][1].text for acts in episodes}) == 3  # 0, 1 or 2 lines above, the last below
    assert len({acts[place_of_edit(acts)][0] for acts in episodes}) >= 30


def test_they_end_by_submitting_twice(episodes):
    for acts in episodes:
        assert [call.name for _, call, _ in acts].count("submit") == 2
        assert [call.name for _, call, _ in acts[-2:]] == ["submit", "submit"]


def test_the_lines_that_are_edited_were_shown_within_two_acts(episodes):
    for acts in episodes:
        place = place_of_edit(acts)
        shown = "".join(observation for *_, observation in acts[max(place - 2, 0) : place])
        assert all(line in shown for line in acts[place][1].arguments["old_str"].split("\n"))


def test_no_thought_names_the_change_before_the_edit(episodes):
    for acts in episodes:
        before = [thought for thought, *_ in acts[: place_of_edit(acts)]]
        assert not any("max(" in thought or "min(" in thought for thought in before)


def test_a_name_that_was_not_seen_is_not_said(episodes):
    for acts in episodes[1::2]:  # their issue names no function
        seen = ""
        for thought, _, observation in acts:
            assert "`largest`" not in thought or "largest" in seen, thought
            seen += observation


def test_a_failure_is_told_as_it_was_seen(episodes):
    told = [thought for acts in episodes for thought, *_ in acts if "`assert 1 == 3`" in thought]
    assert len(told) >= 20
    for acts in episodes:
        seen = ""
        for thought, _, observation in acts:
            assert "assert 1 == 3" not in thought or "assert 1 == 3" in seen
            seen += observation


def test_the_same_task_has_the_same_expert(tmp_path):
    first = episode(case_at(tmp_path / "a", 5, "Wrong result of `sums.core.largest`."))
    again = episode(case_at(tmp_path / "b", 5, "Wrong result of `sums.core.largest`."))
    assert [(thought, call) for thought, call, _ in first] == [(thought, call) for thought, call, _ in again]
