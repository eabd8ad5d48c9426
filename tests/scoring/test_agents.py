"""Rewards of agents' calls: by hand, by properties, and on real steps."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import calls_reward, read_trajectories, tiered_reward
from treadle.scoring.agents import call_similarity, tiers
from treadle.scoring.calls import call_text

DATA = Path(os.environ.get("TREADLE_DATA", Path(__file__).parents[3] / "shared" / "data"))

VIEW = call_text("view", {"path": "/a/b/c.py", "view_range": [1, 20]})
EDITOR = {"command": "view", "path": "/a/b.py", "view_range": [1, 20]}


def calls(action, expert, **settings):
    return call_similarity(action, expert, **settings)["calls"]


def tiered(action, expert, **settings):
    return tiers(action, expert, **settings)["tiered"]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (VIEW, 1.0),
        (call_text("view", {"view_range": [1, 20], "path": "/a/b/c.py"}), 1.0),
        (call_text("view", {"path": "/a/b/d.py", "view_range": [1, 30]}), 13 / 18),  # (1 + 2/3 + 1/2) / 3
        (call_text("view", {"path": "/a/b/d.py"}), 5 / 9),  # (1 + 2/3) / 3
        (call_text("view", {"path": "/a/b/c.py", "view_range": [1, 20], "note": "x"}), 3 / 4),
        (call_text("open", {"path": "/a/b/c.py", "view_range": [1, 20]}), 2 / 3),
        (VIEW + "\n" + VIEW, 1 / 2),  # a call too many
        ('{"name": "view", "arguments": {"view_range": [1, 20], "path": "/a/b/c.py"}}', 1.0),
        ("I would rather think.", 0.0),
        ("", 0.0),
    ],
)
def test_calls_by_hand(action, expected):
    assert calls(action, VIEW) == pytest.approx(expected)


def test_the_weight_of_the_name():
    other = call_text("open", {"path": "/a/b/c.py", "view_range": [1, 20]})
    assert calls(other, VIEW, name_weight=2.0) == pytest.approx(2 / 4)
    assert calls(other, VIEW, name_weight=0) == 1.0


def test_commands_have_their_program_as_name_and_their_text_as_argument():
    # 13 of 14 characters are equal, and the name
    assert calls("grep -n y a.py", "grep -n x a.py") == pytest.approx((1 + 13 / 14) / 2)
    assert calls("```bash\ngrep -n x a.py\n```", "grep -n x a.py") == 1.0


def editor(**changes):
    return call_text("str_replace_editor", {key: v for key, v in {**EDITOR, **changes}.items() if v is not None})


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (editor(), 1.0),
        (editor(view_range=[1, 30]), 0.3 + 0.3 + 0.4 * 0.5),
        (editor(view_range=None), 0.6),
        (editor(note="x"), 0.6 + 0.4 * 0.5),
        (editor(path="/a/c.py"), 0.3),
        (editor(path=None, file="/a/b.py"), 0.3),  # the file under another key is no file of this call
        (editor(command="create"), 0.0),
        (call_text("bash", {"command": "cat /a/b.py"}), 0.0),
        ("cat /a/b.py", 0.0),
    ],
)
def test_tiers_by_hand(action, expected):
    assert tiered(action, editor()) == pytest.approx(expected)


def test_without_a_file_its_weight_goes_to_the_others():
    expert = call_text("finish", {"message": "done"})
    assert tiered(call_text("finish", {"message": "over"}), expert) == pytest.approx(3 / 7)
    assert tiered(call_text("submit", {}) + " ", call_text("submit", {})) == 1.0
    assert tiered(call_text("submit", {"path": "/a"}), call_text("submit", {})) == pytest.approx(3 / 7)
    assert tiers(call_text("finish", {"message": "over"}), expert, tool=1, file=5, rest=1)["tiered"] == 0.5


def test_a_command_has_program_file_and_text():
    expert = call_text("bash", {"command": "cd /t && grep -n x a.py"})
    near = call_text("bash", {"command": "cd /t && grep -n y a.py"})  # 22 of 23 characters
    assert tiered(near, expert) == pytest.approx(0.6 + 0.4 * 22 / 23)
    assert tiered(call_text("bash", {"command": "cd /t && grep -n x b.py"}), expert) == pytest.approx(0.3)
    assert tiered(call_text("bash", {"command": "cd /t && sed -n x a.py"}), expert) == 0.0
    assert tiered("grep -n y a.py", "grep -n x a.py") == pytest.approx(0.6 + 0.4 * 13 / 14)


WORD = st.from_regex(r"[a-z_]{1,6}", fullmatch=True)
VALUE = st.one_of(
    WORD,
    st.integers(0, 99),
    st.lists(st.integers(0, 9), max_size=3),
    st.from_regex(r"/[a-c]/[a-c]\.py", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_characters="<>", exclude_categories=["Cc", "Cs"]), max_size=20),
)
KEY = st.sampled_from(["path", "file", "command", "view_range", "text", "code"])
ARGUMENTS = st.dictionaries(KEY, VALUE, max_size=4)
NAME = st.sampled_from(["bash", "view", "edit"])


@given(NAME, ARGUMENTS, NAME, ARGUMENTS, st.randoms())
def test_properties(name, arguments, expert_name, expert_arguments, draw):
    action, expert = call_text(name, arguments), call_text(expert_name, expert_arguments)
    items = list(arguments.items())
    draw.shuffle(items)
    for reward in (calls, tiered):
        value = reward(action, expert)
        assert 0.0 <= value <= 1.0
        assert reward(expert, expert) == 1.0
        assert reward(expert + " ", expert) == pytest.approx(1.0)  # parsed, and not only equal
        assert reward(call_text(name, dict(items)), expert) == pytest.approx(value)


@given(NAME, ARGUMENTS, NAME, ARGUMENTS, st.one_of(KEY, st.just("note")), VALUE)
def test_an_extra_argument_never_helps(name, arguments, expert_name, expert_arguments, key, extra):
    """Neither one that the expert does not have, nor a key once more."""
    if key in expert_arguments and key not in arguments:
        return
    expert = call_text(expert_name, expert_arguments)
    more = call_text(name, arguments).replace("</function>", f"<parameter={key}>{extra}</parameter>\n</function>")
    for reward in (calls, tiered):
        assert reward(more, expert) <= reward(call_text(name, arguments), expert) + 1e-12


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_judged(action, expert):
    for reward in (calls, tiered):
        assert 0.0 <= reward(action, expert) <= 1.0


def test_a_batch_with_faults_and_rows_of_another_domain():
    outputs = [f"<think>x</think>{editor(path='/a/c.py')}", "no thought", "<think>x</think>2 pens"]
    metrics, columns = {}, {}
    logs = {"log_metric": metrics.__setitem__, "log_extra": columns.__setitem__}
    experts = [editor(), editor(), "2 pens"]
    domain = ["agent", "agent", "math"]
    assert tiered_reward(outputs, experts, domain=domain, **logs) == [pytest.approx(0.3), -1.0, None]
    assert columns["tiered/tool"] == [1.0, None, None]
    assert columns["tiered/file"] == [0.0, None, None]
    assert metrics["format/no_think_block"] == 0.5
    # the name, the command, 1 of 2 folders, and the lines
    assert calls_reward(outputs, experts, domain=domain, **logs) == [pytest.approx(3.5 / 4), -1.0, None]
    assert columns["call_name"] == [1.0, None, None]
    assert calls_reward(outputs[:2], experts[:2]) == [pytest.approx(3.5 / 4), -1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tool": -1}, "tool=-1: expected a weight"),
        ({"file": "much"}, "file='much': expected a weight"),
        ({"tool": 0, "rest": 0}, "a step that names no file has no tier"),
    ],
)
def test_weights_that_are_none(settings, message):
    with pytest.raises(ValueError, match=message):
        tiered_reward([], [], **settings)
    with pytest.raises(ValueError, match="name_weight=nan"):
        calls_reward([], [], name_weight=float("nan"))


def test_real_steps():
    source = DATA / "trajectories" / "swe_smith_messages.jsonl"
    if not source.is_file():
        pytest.skip("no real data: set TREADLE_DATA to its folder")
    actions = [step.action for t in read_trajectories(source, keep_unverified=True) for step in t.steps]
    assert len(actions) > 50
    for before, action in pairwise(actions):
        for reward in (calls, tiered):
            assert reward(f"I go on.\n{action}", action) == pytest.approx(1.0)
            assert 0.0 <= reward(before, action) <= 1.0
            assert before == action or reward(before, action) < 1.0
