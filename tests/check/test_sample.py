"""First rollouts of the tiny model: what is counted is what the reward functions and the parser say."""

from collections import Counter

import pytest
import torch

from tests.check.conftest import SRL
from treadle.check import sample as module
from treadle.check.sample import Sample, Sampled, advice, sample
from treadle.errors import DataError
from treadle.recipe.schema import RLVRStage, SRLStage
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
    assert found.limit == 8
    # A random model of characters writes no thought within eight of them.
    assert found.stages["srl"].faults.total() == 8
    assert all(len(of.texts) == 2 for of in found.stages.values())


def test_groups_are_kept_by_the_stages_own_rewards(subject, prepared, writes):
    it = subject(SRL, RLVR)
    answers = {row["answer"] for row in it.rows(it.stages[1])}
    right = "\\boxed{" + answers.pop() + "}"
    found = writes(it, {"srl": ["<think>a</think>1", "no thought", "<think></think>1", "<think>b"], "rlvr": [right]})
    srl, rlvr = found.stages["srl"], found.stages["rlvr"]
    assert srl.faults == {FormatFault.NO_THINK_BLOCK: 2 * 4, FormatFault.EMPTY_THOUGHT: 4}
    assert (srl.kept, srl.groups) == (4, 4)  # -1 beside what is not
    assert rlvr.kept == 0  # all right or all wrong
    assert set(rlvr.rewards) <= {0.0, 1.0}


def test_the_time_is_kept_but_each_kind_has_a_group(subject, prepared):
    found = sample(subject(SRL, RLVR), 800, seconds=0.0)
    assert [of.groups for of in found.stages.values()] == [1, 1]
    assert found.limit == 8


def test_what_cannot_be_sampled_is_named(subject, prepared, monkeypatch):
    def rows(self, stage):
        raise DataError(f"nothing for {stage.kind}")

    monkeypatch.setattr("treadle.check.subject.Subject.rows", rows)
    with pytest.raises(DataError, match="no row to sample; nothing for srl"):
        sample(subject(SRL), 8)


def of(kind, kept, groups=8, faults=0):
    stage = SRLStage(kind="srl", name="srl") if kind == "srl" else RLVRStage(kind="rlvr", name="rlvr")
    return Sampled(stage, groups, kept, Counter({FormatFault.TRUNCATED: faults}), [0.0] * groups * 8)


@pytest.mark.parametrize(
    ("srl", "rlvr", "said"),
    [
        (of("srl", 8), of("rlvr", 4), "RLVR finds a signal in 4 of 8 groups, so it can begin at once"),
        (of("srl", 2), of("rlvr", 3), "SRL finds a signal in 2 of 8 groups, RLVR in 3 of 8: begin with SRL"),
        (of("srl", 1), of("rlvr", 3), "neither SRL nor RLVR finds a signal in a quarter of the groups: begin with SFT"),
        (of("srl", 6, faults=48), of("rlvr", 0), "75% of the steps' completions break the format"),
        (of("srl", 6), None, "SRL finds a signal in 6 of 8 groups: begin with SRL"),
        (None, of("rlvr", 1), "begin with SFT"),
    ],
)
def test_the_advice_follows_the_shares(srl, rlvr, said):
    stages = {kind: found for kind, found in (("srl", srl), ("rlvr", rlvr)) if found}
    assert said in advice(Sample(stages, 64, 1, 1.0, 8, []))


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
    assert found.stages["srl"].mean_reward == 0.0


def test_the_mean_is_of_what_was_scored():
    sampled = Sampled(SRLStage(kind="srl"), rewards=[1.0, float("nan"), 0.5])
    assert sampled.mean_reward == 0.75
