from __future__ import annotations

import pytest

from tests.domains.counter import counter
from treadle import domain_reward, edit_reward, srl_reward
from treadle.errors import RewardError

OUTPUTS = ["<think>a</think>\n1. add 5", "<think>a</think>\n+4", "no format"]
EXPERTS = ["1. add 15", "+5", "+6"]


@pytest.fixture
def known(tmp_path, monkeypatch):
    def write(**keys):
        monkeypatch.setenv("TREADLE_DOMAINS", str(tmp_path))
        return counter(tmp_path, **keys)

    return write


def test_each_row_by_its_domains_reward(known):
    known(reward="edit")
    logged = {}
    rewards = domain_reward(OUTPUTS, EXPERTS, ["math", "counter", "counter"], log_metric=logged.__setitem__)
    assert rewards == [*srl_reward(OUTPUTS[:1], EXPERTS[:1]), *edit_reward(OUTPUTS[1:], EXPERTS[1:])]
    assert rewards[2] == -1.0
    assert logged["math/similarity"] == rewards[0]
    assert logged["counter/format/no_think_block"] == 0.5


def test_one_domain_logs_as_its_reward_does(known):
    known()
    logged = {}
    domain_reward(OUTPUTS[1:2], EXPERTS[1:2], ["counter"], log_metric=logged.__setitem__)
    assert logged["similarity"] == 0.5


@pytest.mark.parametrize("reward", ["answer", "margin", "weighted", "domain"])
def test_rewards_that_go_by_more_than_a_step(known, reward):
    known(reward=reward)
    with pytest.raises(RewardError, match=f"reward: {reward}: goes by more than a step and the expert's"):
        domain_reward(OUTPUTS, EXPERTS, ["counter"] * 3)


def test_an_unknown_reward_names_the_nearest(known):
    known(reward="similarty")
    with pytest.raises(RewardError, match="did you mean 'similarity'"):
        domain_reward(OUTPUTS, EXPERTS, ["counter"] * 3)
