"""First rollouts of the tiny model: what is counted is what the reward functions and the parser say."""

import numpy as np
import pytest
import torch

from tests.check.conftest import SRL
from treadle.check import sample as module
from treadle.check.measured import measured
from treadle.check.sample import sample
from treadle.errors import DataError
from treadle.scoring.completion import FormatFault

RLVR = {**SRL, "kind": "rlvr"}


@pytest.fixture
def writes(monkeypatch):
    """Has the model write these texts, one after the other, instead of its own."""

    def texts(subject, by_kind):
        def generate(of, network, stage, rows, limit, generator):
            count = len(rows) * stage.rollouts
            written = by_kind[stage.kind]
            return [[*of.chat.text_ids(text), of.tokenizer.eos_token_id] for text in (written * count)[:count]]

        monkeypatch.setattr(module, "_generate", generate)
        return sample(subject, 32)

    return texts


def test_a_real_model_is_sampled(subject, prepared):
    torch.manual_seed(0)
    found = sample(subject(SRL, RLVR), 16)
    assert {kind: (of.groups, len(of.rewards)) for kind, of in found.stages.items()} == {"srl": (2, 8), "rlvr": (2, 8)}
    assert 16 <= found.tokens <= 16 * 8
    # A random model of characters writes no thought within eight of them.
    assert None not in found.stages["srl"].faults
    for of in found.stages.values():
        assert of.limit == 8
        assert of.cut == 0  # the stage's own limit
        assert len(of.texts) == len(of.own) == 2


def test_groups_are_kept_by_the_stages_own_rewards(subject, prepared, writes):
    it = subject(SRL, RLVR)
    answers = {row["answer"] for row in it.rows(it.stages[1])}
    right = "\\boxed{" + answers.pop() + "}"
    found = writes(it, {"srl": ["<think>a</think>1", "no thought", "<think></think>1", "<think>b"], "rlvr": [right]})
    srl, rlvr = found.stages["srl"], found.stages["rlvr"]
    one_group = [None, FormatFault.NO_THINK_BLOCK, FormatFault.EMPTY_THOUGHT, FormatFault.NO_THINK_BLOCK]
    assert srl.faults == one_group * 4
    assert (srl.kept, srl.groups) == (4, 4)  # -1 beside what is not
    assert rlvr.kept == 0  # all right or all wrong
    assert set(rlvr.rewards) <= {0.0, 1.0}
    told = measured(found, it.prepared)
    assert told.steps.broken == (3, 3, 3, 3)
    assert told.steps.fault == "no_think_block"
    assert told.steps.similarity.value == pytest.approx(np.nanmean(srl.similarities))
    assert told.steps.similarity.low <= told.steps.similarity.value < told.steps.floor
    assert set(told.answers.right) <= {0, 4}
    assert sum(told.answers.right) == sum(rlvr.rewards)
    assert told.answers.mixed == 0


def test_groups_below_a_sampling_floor_are_counted_apart(subject, prepared, writes):
    it = subject({**SRL, "sampling_floor": 0.9}, RLVR)
    srl = writes(it, {"srl": ["<think>a</think>1", "no thought"], "rlvr": [""]}).stages["srl"]
    assert (srl.kept, srl.poor, srl.groups) == (0, 4, 4)  # "1" is little of an action


def test_the_time_is_kept_but_each_kind_has_a_group(subject, prepared):
    found = sample(subject(SRL, RLVR), 800, seconds=0.0)
    assert [of.groups for of in found.stages.values()] == [1, 1]
    assert {of.limit for of in found.stages.values()} == {8}


def test_each_kind_has_its_own_limit(subject, prepared):
    it = subject({**SRL, "max_completion_length": 4}, {**RLVR, "max_completion_length": 90})
    found = sample(it, 8, longest=70)
    assert {kind: of.limit for kind, of in found.stages.items()} == {"srl": 4, "rlvr": 70}
    # Random characters seldom end.
    assert found.stages["rlvr"].cut == measured(found, it.prepared).answers.cut > 0


def test_what_cannot_be_sampled_is_named(subject, prepared, monkeypatch):
    def rows(self, stage):
        raise DataError(f"nothing for {stage.kind}")

    monkeypatch.setattr("treadle.check.subject.Subject.rows", rows)
    with pytest.raises(DataError, match="no row to sample; nothing for srl"):
        sample(subject(SRL), 8)


def test_several_rewards_are_added_up_with_their_weights(subject, prepared, writes, tmp_path, monkeypatch):
    (tmp_path / "own_sampled.py").write_text(
        "async def two(completions, prompts, trainer_state, log_extra, **kwargs):\n"
        "    assert len(prompts) == len(completions) and trainer_state.global_step == 0\n"
        "    return [2.0 if '1' in text[0]['content'] else None for text in completions]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    rewards = [{"name": "exact", "weight": 0.5}, {"name": "own_sampled:two", "weight": 0.25}]
    it = subject({**SRL, "reward": rewards})
    found = writes(it, {"srl": ["<think>a</think>1", "none 1", "none", "<think>a</think>?"], "rlvr": ["x"]})
    # Not exact: 0; no thought: -1. Each times 0.5, and 0.25 times 2 where there is a 1.
    assert found.stages["srl"].rewards == [0.5, 0.0, -0.5, 0.0] * (len(found.stages["srl"].rewards) // 4)
