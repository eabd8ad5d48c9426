"""Clean stops by signal and by the clock."""

from __future__ import annotations

import os
import signal
import time

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from treadle.training.resume.stopping import Stop, StopRequest


@pytest.fixture
def arguments(tmp_path):
    return TrainingArguments(str(tmp_path), use_cpu=True, report_to=[])


def test_a_signal_asks_for_a_checkpoint_and_a_second_one_stops_at_once(arguments):
    before = signal.getsignal(signal.SIGINT)
    with StopRequest() as stop:
        control = stop.on_step_end(arguments, TrainerState(), TrainerControl())
        assert not control.should_training_stop
        os.kill(os.getpid(), signal.SIGTERM)
        control = stop.on_step_end(arguments, TrainerState(), TrainerControl())
        assert control.should_save
        assert control.should_training_stop
        assert stop.reason is Stop.SIGTERM
        assert f"{stop.reason}" == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_longest_step_and_a_checkpoint_must_fit_before_the_deadline(arguments, monkeypatch):
    """Steps of 10, 20 and 10 s, each followed by 5 s for a checkpoint: the longest step took 25 s with what came before
    it, so that 30 s more are needed after 55 s."""
    for deadline, fits in ((86, True), (84, False)):
        now = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda now=now: now[0])
        stop, control = StopRequest(deadline), TrainerControl()
        stop.on_train_begin(arguments, TrainerState(), control)
        for step in (10, 20, 10):
            now[0] += step
            stop.on_step_end(arguments, TrainerState(), control)
            assert stop.reason is None
            now[0] += 5
            stop.on_save(arguments, TrainerState(), control)
        assert stop.another_step_fits() == fits
    assert "max_hours" in f"{Stop.TIME}"
