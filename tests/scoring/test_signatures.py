"""What a reward function takes, held against what it is called with."""

from __future__ import annotations

import pytest

from treadle.errors import RewardError
from treadle.scoring.registry import Reward
from treadle.scoring.signatures import GIVEN, check_signature

OWN = Reward("mod:f", "mod:f")
COLUMNS = ("expert_action", "answer")


def right(completions, expert_action, strict=False, **kwargs): ...
def needs(completions, level, depth, **kwargs): ...
def takes_few(completions, expert_action): ...
def positional(completions, /, **kwargs): ...
def by_keyword(*, completions, answer, **kwargs): ...


@pytest.mark.parametrize(
    ("function", "settings"),
    [(right, {}), (right, {"strict": True}), (needs, {"level": 1, "depth": 2}), (by_keyword, {})],
)
def test_what_can_be_called(function, settings):
    check_signature(OWN, function, settings, COLUMNS, {})
    function(**dict.fromkeys((*GIVEN, *COLUMNS)), **settings)


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        (needs, {}, r"needs 'level', 'depth', and is called with prompts, .*expert_action, answer; give"),
        (needs, {"level": 1}, r"needs 'depth', .*\(\{name: mod:f, depth: \.\.\.\}\)"),
        (takes_few, {}, r"takes no 'prompts', .*end its arguments with \*\*kwargs"),
        (positional, {}, "takes completions by position"),
        (right, {"strickt": True}, r"strickt: unknown setting; did you mean 'strict'\?"),
        (takes_few, {"x": 1}, "x: unknown setting; it has no settings"),
        (right, {"completions": []}, "completions: is given by the trainer"),
        (right, {"answer": 1}, "answer: is given by the trainer"),
    ],
)
def test_what_cannot(function, settings, message):
    with pytest.raises(RewardError, match=message) as error:
        check_signature(OWN, function, settings, COLUMNS, {})
    assert "\n" not in str(error.value)


def test_settings_of_the_stage_are_said_to_be():
    ours = Reward("similarity", "treadle.scoring.rewards:srl_reward")
    with pytest.raises(RewardError, match="strict: set it by the stage's own key think_tags"):
        check_signature(ours, right, {"strict": True}, COLUMNS, {"strict": "think_tags"})
    check_signature(OWN, needs, {"depth": 1}, COLUMNS, {"level": "level"})  # which the stage gives
