"""Rollout engines whose log-probs are told to the trainer."""

from __future__ import annotations

import pytest
import torch

from tests.training.guards.test_steps import run, srl_trainer
from treadle import SRLTrainer
from treadle.errors import TrainingFault
from treadle.training.guards.stale import LogpGap


def test_a_gap_counts_scored_tokens_alone():
    gap = LogpGap()
    gap.add(torch.tensor([[-1.0, torch.nan, -9.0]]), torch.tensor([[-1.5, -2.0, -3.0]]), torch.tensor([[1, 1, 0]]))
    gap.add(torch.tensor([[-2.0]]), torch.tensor([[-1.0]]), torch.tensor([[1]]))
    assert gap.take() == (1.5, 2, 1.0)
    assert gap.take() == (0, 0, 0)


# In trainers


class Telling(SRLTrainer):
    """A rollout engine that tells the log-probs of its tokens, those of its own weights plus an error."""

    error = 0.0

    def _generate_single_turn(self, prompt_ids, *args, **kwargs):
        completions, _ = super()._generate_single_turn(prompt_ids, *args, **kwargs)
        told = []
        for prompt, completion in zip(prompt_ids, completions, strict=True):
            ids = torch.tensor([[*prompt, *completion]])
            with torch.no_grad():
                logits = self.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].float() / self.temperature
            logps = logits.log_softmax(-1).gather(1, torch.tensor(completion)[:, None])[:, 0]
            told.append((logps + self.error).tolist())
        return completions, told


def telling(model, tokenizer, folder, error=0.0, **changes):
    trainer = srl_trainer(model, tokenizer, folder, cls=Telling, max_steps=2, **changes)
    trainer.error = error
    return trainer


@pytest.mark.parametrize("changes", [{}, {"prefix_tree": False}, {"num_iterations": 2, "steps_per_generation": 4}])
def test_an_engine_with_the_same_weights_does_not_differ(changes, tiny_model, tiny_tokenizer, tmp_path):
    trainer = telling(tiny_model, tiny_tokenizer, tmp_path, **changes)
    _, logs, said = run(trainer)
    assert logs[0]["rollout/logp_difference"] < 1e-5
    assert logs[0]["rollout/logp_difference/max"] < 1e-5
    assert logs[0]["faults/stale_rollout"] == 0.0
    # Steps that use a generation again differ by the updates since, and are not compared.
    assert ("rollout/logp_difference" in logs[1]) == (not changes.get("num_iterations"))
    assert not [text for text in said if "log-probs differ" in text]


def test_an_engine_that_differs_is_told_of(tiny_model, tiny_tokenizer, tmp_path):
    trainer = telling(tiny_model, tiny_tokenizer, tmp_path, error=0.5)
    _, logs, said = run(trainer)
    for log in logs:
        assert log["rollout/logp_difference"] == pytest.approx(0.5, abs=1e-4)
        assert log["rollout/logp_difference/max"] == pytest.approx(0.5, abs=1e-4)
        assert log["faults/stale_rollout"] == 1.0
    assert [text for text in said if "log-probs differ from the trainer's by 0.5 on average" in text]


def test_an_engine_that_differs_stops_the_run_on_request(tiny_model, tiny_tokenizer, tmp_path):
    trainer = telling(
        tiny_model, tiny_tokenizer, tmp_path, error=0.5, stop_on_logp_difference=True, max_logp_difference=0.4
    )
    with pytest.raises(TrainingFault, match="was not given the current weights"):
        run(trainer)
    less = telling(
        tiny_model, tiny_tokenizer, tmp_path, error=0.3, stop_on_logp_difference=True, max_logp_difference=0.4
    )
    less.train()
