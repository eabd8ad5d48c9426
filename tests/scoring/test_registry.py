"""Rewards by name and by place, and what is said of those that cannot be had."""

from __future__ import annotations

import sys

import pytest

import treadle
from tests.plugins import write_package
from treadle.errors import RewardError
from treadle.scoring.registry import BUILT_IN, ENTRY_POINTS, find, load


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of a user's own, where Python finds it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, code):
        (tmp_path / f"{name}.py").write_text(code)
        return name

    yield write
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_treadles_own_are_its_public_functions():
    assert {name: load(reward) for name, reward in BUILT_IN.items()} == {
        "similarity": treadle.srl_reward,
        "margin": treadle.margin_reward,
        "scaled": treadle.scaled_reward,
        "weighted": treadle.weighted_reward,
        "exact": treadle.exact_reward,
        "edit": treadle.edit_reward,
        "calls": treadle.calls_reward,
        "tiered": treadle.tiered_reward,
        "domain": treadle.domain_reward,
        "answer": treadle.final_answer_reward,
    }
    assert not any(reward.is_own for reward in BUILT_IN.values())


def test_a_function_by_its_place(module):
    name = module("own_rewards_a", "def kind(completions, **kwargs): return [1.0] * len(completions)\n")
    reward = find(f"{name}:kind")
    assert reward.is_own
    assert load(reward)(completions=["a", "b"]) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("similarty", "found 'similarty', did you mean 'similarity'?"),
        ("qqq", "expected one of similarity, margin, "),
        ("my pkg:f", "found 'my pkg:f', expected package.module:function"),
        ("mod:", "found 'mod:', expected package.module:function"),
    ],
)
def test_names_that_are_none(name, message):
    with pytest.raises(RewardError, match="found") as error:
        find(name)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("code", "function", "message"),
    [
        ("import not_there_at_all", "kind", r"cannot be imported \(ModuleNotFoundError: No module named 'not_there"),
        ("def kind(:", "kind", r"cannot be imported \(SyntaxError: "),
        ("raise SystemExit('two\\nlines')", "kind", r"cannot be imported \(SystemExit: two lines\)"),
        ("def kind(**kwargs): ...", "kinds", r"has no 'kinds'; did you mean 'kind'\?"),
        ("x = 3", "kind", "has no 'kind'; there is no function in it"),
        ("kind = 3", "kind", "found int, expected a function"),
        ("class Kind: ...", "Kind", "found a class, whose instance may be one, expected a function"),
    ],
)
def test_functions_that_cannot_be_had(module, code, function, message):
    name = module("own_rewards_b", code)
    with pytest.raises(RewardError, match=message) as error:
        load(find(f"{name}:{function}"))
    assert "\n" not in str(error.value)


def test_what_other_packages_announce(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    code = "def kind(completions, **kwargs): return [0.25] * len(completions)\n"
    write_package(tmp_path, "their-rewards", "their_rewards", code, "theirs = their_rewards:kind", ENTRY_POINTS)
    assert load(find("theirs"))(completions=["a"]) == [0.25]
    with pytest.raises(RewardError, match="did you mean 'theirs'"):
        find("their")
    write_package(tmp_path, "evil-rewards", "evil_rewards", code, "similarity = evil_rewards:kind", ENTRY_POINTS)
    assert not find("similarity").is_own
    with pytest.raises(RewardError, match=r"the name 'similarity' is treadle's own; .*pip uninstall evil-rewards"):
        find("theirs")
