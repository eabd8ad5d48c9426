"""Whether a stage learned anything, from its logs; whole stages are in `tests/hostile/test_quiet.py`."""

from __future__ import annotations

import json

import pytest

from tests.recipe.test_stages import SRL, prepared, recipe  # noqa: F401, fixtures
from treadle.errors import OutputError, TrainingFault
from treadle.recipe.learned import NOTHING_LEARNED, check_learned, likely_cause, nothing_learned, refuse_untrained

STRICT = {**SRL, "allow_no_change": False}

LOGS = {
    "nothing was done": ([], "no optimizer step was made"),
    "not finite": ([{"grad_norm": None, "learning_rate": 1e-3}], "no step was applied"),
    "without gradient": ([{"grad_norm": 0.0, "learning_rate": 1e-3}] * 2, "the gradient was 0 in every step"),
    "all cut off": ([{"grad_norm": 0.0, "format/truncated": 1.0}] * 2, "all completions were cut off"),
    "all without tags": (
        [{"grad_norm": 0.0, "format/truncated": 0.25, "format/no_think_block": 0.75}] * 2,
        "every completion broke the format (no_think_block 75%, truncated 25%)",
    ),
    "all wrong": (
        [{"grad_norm": 0.0, "sampling/kept_groups": 0.0, "sampling/dropped/all_wrong": 1.0}],
        "no group had a signal (dropped: all_wrong 100%)",
    ),
    "all poor": (
        [{"grad_norm": 0.0, "sampling/kept_groups": 0.0, "sampling/dropped/all_poor": 1.0}],
        "no group's best reward reached sampling_floor (dropped: all_poor 100%): set it lower or to null",
    ),
    "poor or alike, filled up with them": (
        [
            {
                "grad_norm": 0.0,
                "sampling/kept_groups": 0.0,
                "sampling/filled_groups": 4.0,
                "sampling/dropped/all_poor": 0.75,
                "sampling/dropped/all_wrong": 0.25,
                "frac_reward_zero_std": 0.25,
            }
        ],
        "no group's best reward reached sampling_floor (dropped: all_poor 75%, all_wrong 25%)",
    ),
    "now and then": ([{"grad_norm": 0.0}, {"grad_norm": 0.1}], "the steps were smaller than the weights can hold"),
}


@pytest.mark.parametrize("name", LOGS)
def test_the_cause_is_what_holds_in_every_step(name):
    logs, cause = LOGS[name]
    assert likely_cause(logs).startswith(cause)


def test_a_damaged_note_is_refused(recipe, tmp_path):  # noqa: F811
    (stage,) = recipe(STRICT).stages
    assert nothing_learned(stage, tmp_path) is None
    (tmp_path / NOTHING_LEARNED).write_text("{")
    with pytest.raises(OutputError, match=r"nothing_learned\.json: no JSON .*; put the file back"):
        nothing_learned(stage, tmp_path)
    (tmp_path / NOTHING_LEARNED).write_text(json.dumps({"what": "a", "cause": "b", "steps": 2}))
    assert "learned nothing: a in 2 steps. Likely cause: b." in nothing_learned(stage, tmp_path)


LINE = {"step": 1, "seconds": 1.0}
FUTILE = {
    "no group was ever kept": {"sampling/kept_groups": 0.0},
    "no group was ever kept, and poor ones filled": {
        "sampling/kept_groups": 0.0,
        "sampling/filled_groups": 2.0,
        "sampling/dropped/all_poor": 1.0,
    },
    "every completion broke the format": {"format/no_think_block": 1.0, "frac_reward_zero_std": 1.0},
    "all rewards of each group were equal": {"frac_reward_zero_std": 1.0},
}


@pytest.mark.parametrize("what", FUTILE)
def test_weights_that_changed_by_decay_alone_are_no_learning(what, tmp_path):
    futile, what = {"loss": 0.0, "grad_norm": 0.1, **FUTILE[what]}, what.partition(",")[0]
    good = {"loss": 0.1, "grad_norm": 0.1, "sampling/kept_groups": 2.0, "frac_reward_zero_std": 0.5}
    for logs, expected in (([futile] * 2, what), ([futile, good], None), ([], None)):
        (tmp_path / "metrics.jsonl").write_text("".join(json.dumps({**LINE, **log}) + "\n" for log in logs))
        check_learned(tmp_path, unchanged=False)
        note = tmp_path / NOTHING_LEARNED
        assert (json.loads(note.read_text())["what"] if note.exists() else None) == expected


def test_steps_without_format_that_answers_made_good_are_learning(tmp_path):
    """RLVR with steps: the shares are those of the steps alone."""
    log = {**LINE, "loss": 0.1, "grad_norm": 0.1, "format/truncated": 1.0, "frac_reward_zero_std": 0.5}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(log) + "\n")
    check_learned(tmp_path, unchanged=False)
    assert not (tmp_path / NOTHING_LEARNED).exists()


def test_what_learned_nothing_is_refused_unless_allowed(recipe, tmp_path):  # noqa: F811
    check_learned(tmp_path, unchanged=True)
    (stage,) = recipe(STRICT).stages
    with pytest.raises(TrainingFault, match=r"no optimizer step was made .*stages.srl.allow_no_change=true"):
        refuse_untrained(stage, tmp_path)
    (stage,) = recipe(SRL).stages
    refuse_untrained(stage, tmp_path)
