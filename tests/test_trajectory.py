from __future__ import annotations

import pickle

import pytest

import treadle
from treadle import Step, StepInstance, Trajectory


def test_public_names_are_importable_and_listed():
    for name in treadle.__all__:
        assert getattr(treadle, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = treadle.nothing


def test_trajectory_takes_positional_and_keyword_arguments_of_the_contract():
    step = Step("1. **Add** 1+1=2", title="Add", thought="easy", observation=None)
    trajectory = Trajectory("a", "1+1?", [step], answer="2", domain="math", verified=True, meta={"k": 1})
    assert trajectory.steps == (step,)
    assert Trajectory("a", "1+1?", (step,)).verified is None
    assert StepInstance("a", 1, 1, [], "x", None, None).step == 1


def test_nouns_survive_pickling_and_are_frozen():
    trajectory = Trajectory("a", "p", (Step("s"),))
    assert pickle.loads(pickle.dumps(trajectory)) == trajectory
    with pytest.raises(AttributeError):
        trajectory.id = "b"


@pytest.mark.parametrize("action", ["", "  \n"])
def test_a_step_without_action_is_refused(action):
    with pytest.raises(ValueError, match="action is empty"):
        Step(action)


def test_a_trajectory_without_steps_is_refused():
    with pytest.raises(ValueError, match="'x' has no steps"):
        Trajectory("x", "p", ())
