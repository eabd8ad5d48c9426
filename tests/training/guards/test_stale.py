"""Rollout engines whose log-probs are told to the trainer, in the guard alone and in trainers."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict

import pytest
import torch

from tests.training.guards.test_steps import run, srl_trainer
from tests.training.simulated import alone, in_processes
from treadle import SRLTrainer
from treadle.errors import TrainingFault
from treadle.training.guards.stale import LogpGap, StaleRollouts


def test_a_gap_counts_scored_tokens_alone():
    gap = LogpGap()
    gap.add(torch.tensor([[-1.0, torch.nan, -9.0]]), torch.tensor([[-1.5, -2.0, -3.0]]), torch.tensor([[1, 1, 0]]))
    gap.add(torch.tensor([[-2.0]]), torch.tensor([[-1.0]]), torch.tensor([[1]]))
    assert gap.take() == (1.5, 2, 1.0)
    assert gap.take() == (0, 0, 0)


def compared(processes, rounds, **changes):
    """A guard that has seen rounds of (the engine's log-probs, the trainer's), and its metrics."""
    metrics = defaultdict(list)
    settings = {"most": 0.2, "stops": False, "always": False} | changes
    guard = StaleRollouts(**settings, processes=processes, metrics=metrics)
    for told, trained in rounds:
        see(guard, told, trained)
    return guard, metrics


def see(guard, told, trained, first=True, **more):
    inputs = {"sampling_per_token_logps": torch.tensor([told]), "completion_mask": torch.ones(1, len(told)), **more}
    with guard.around_loss(inputs, first):
        guard.see(torch.tensor([trained]))


DIFFERENCE, LARGEST, STALE = "rollout/logp_difference", "rollout/logp_difference/max", "faults/stale_rollout"


def test_the_mean_is_over_the_tokens_of_a_step_and_begins_anew():
    guard, metrics = compared(alone(), [([-1.0, -2.0], [-1.5, -2.0]), ([-1.0], [-1.25])])
    with pytest.warns(UserWarning, match=r"differ from the trainer's by 0.25 on average \(at most 0.5; max_logp"):
        guard.gradients()
    see(guard, [-1.0], [-1.0])
    guard.gradients()
    assert metrics == {DIFFERENCE: [0.25, 0.0], LARGEST: [0.5, 0.0], STALE: [1.0, 0.0]}
    guard.gradients()  # a step without anything to compare
    assert len(metrics[DIFFERENCE]) == 2


def test_only_what_the_first_update_computes_with_a_gradient_is_compared():
    guard, metrics = compared(alone(), [])
    see(guard, [-1.0], [-9.0], first=False)
    with torch.no_grad():
        see(guard, [-1.0], [-9.0])
    guard.see(torch.tensor([[-9.0]]))  # outside of a loss
    for inputs in (None, {"completion_mask": torch.ones(1, 1)}):
        with guard.around_loss(inputs, True):
            guard.see(torch.tensor([[-9.0]]))
    with (
        pytest.raises(ValueError, match="no"),
        guard.around_loss({"sampling_per_token_logps": torch.ones(1, 1), "completion_mask": torch.ones(1, 1)}, True),
    ):
        raise ValueError("no")
    guard.see(torch.tensor([[-9.0]]))
    guard.gradients()
    assert metrics == {}
    see(guard, [-1.0, -1.0], [-9.0, -1.0], tool_mask=torch.tensor([[0, 1]]))
    guard.gradients()
    assert metrics == {DIFFERENCE: [0.0], LARGEST: [0.0], STALE: [0.0]}


def test_a_run_that_shall_stop_stops_above_the_limit():
    guard, metrics = compared(alone(), [([-1.0], [-1.5])], stops=True, most=0.5)
    guard.gradients()
    see(guard, [-1.0], [-1.75])
    with pytest.raises(TrainingFault, match=r"by 0.75 on average.*The same command continues from the last checkpoint"):
        guard.gradients()
    assert metrics[STALE] == [0.0, 1.0]


@pytest.mark.parametrize("stops", [False, True])
def test_log_probs_that_are_no_number_are_no_matter_of_stale_weights(stops):
    """A step whose loss is not finite is skipped, and told of, by the guard of steps."""
    guard, metrics = compared(alone(), [([-1.0], [math.nan])], stops=stops)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        guard.gradients()
    assert math.isnan(metrics[DIFFERENCE][0])
    assert metrics[STALE] == [0.0]


def test_processes_judge_together_and_one_speaks():
    """Gaps of 0.5 (two tokens) and 0.1 in two processes, nothing in the third: 1.1 / 3."""
    rounds = [[([-1.0, -2.0], [-1.5, -2.5])], [([-1.0], [-1.1])], []]

    def work(processes):
        guard, metrics = compared(processes, rounds[processes.index], always=True)
        guard.gradients()
        return metrics

    with pytest.warns(UserWarning, match="log-probs differ") as said:
        found = in_processes(3, work)
    assert len(said) == 1
    assert found == [{DIFFERENCE: [pytest.approx(1.1 / 3)], LARGEST: [pytest.approx(0.5)], STALE: [1.0]}] * 3


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
