"""The clock of phases, with sleeps of known length."""

from __future__ import annotations

import time

import pytest

from treadle.training.phases import PhaseClock


def test_a_phase_within_another_takes_its_time_out_of_it():
    clock = PhaseClock()
    with clock("update"):
        time.sleep(0.05)
        with clock("rollout"):
            time.sleep(0.1)
            with clock("reward"):
                time.sleep(0.02)
        with clock("rollout"):
            time.sleep(0.03)
    assert clock.seconds["update"] == pytest.approx(0.05, abs=0.03)
    assert clock.seconds["rollout"] == pytest.approx(0.13, abs=0.03)
    assert clock.seconds["reward"] == pytest.approx(0.02, abs=0.02)


def test_time_is_counted_when_a_phase_fails():
    clock = PhaseClock()

    def fail():
        with clock("reward"):
            time.sleep(0.02)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert clock.seconds["reward"] >= 0.02
