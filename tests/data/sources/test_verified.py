"""What real sources say about success, and the repositories in their ids."""

from __future__ import annotations

import pytest

from treadle.data.sources.verified import AGENT_FLAGS, find_mark, repository, verified_flag


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, None),
        ({"resolved": True}, True),
        ({"resolved": 0}, False),
        ({"resolved": None, "target": False}, False),
        ({"test_result": {"report": {"resolved": True}}}, True),
        ({"report": {"resolved": False}}, False),
        ({"reward": 1.0}, True),
        ({"reward": 0.0}, False),
        ({"reward": 0.4}, False),
        ({"reward": -1}, False),
        ({"reward": "1.0"}, True),
        ({"reward": 4.3}, None),  # a score from 1 to 5, or a count
        ({"reward": -3.5}, None),  # what a reward model gives
        ({"reward": float("nan")}, None),
        ({"score": 4.3, "resolved": "no"}, False),
        ({"rewards": [0, 0, 1.0]}, True),
        ({"rewards": [1.0, 0]}, False),
        ({"reward": "high"}, None),
        ({"is_correct": "yes"}, True),
        ({"label": 0}, False),
        ({"kto_tag": False}, False),
        ({"exit_status": "submitted"}, True),
        ({"info": {"exit_status": "Submitted"}}, True),
        ({"info": {"exit_status": "submitted (exit_cost)"}}, False),
        ({"info": {"exit_status": "LimitsExceeded"}}, False),
        ({"info": {"exit_status": None}}, None),
        ({"resolved": False, "exit_status": "submitted"}, False),
        ({"target": True, "exit_status": "exit_context"}, True),
        ({"info": "x", "test_result": "y", "resolved": "perhaps"}, None),
    ],
)
def test_flags_outrank_the_exit_status(data, expected):
    assert verified_flag(data) is expected


@pytest.mark.parametrize(
    ("instance_id", "expected"),
    [
        ("django__django-11099", "django/django"),
        ("scikit-learn__scikit-learn-10508", "scikit-learn/scikit-learn"),
        ("python__mypy-15976_0", "python/mypy"),
        ("Project-MONAI__MONAI-5686_4", "Project-MONAI/MONAI"),
        ("tomerfiliba__plumbum-366_17", "tomerfiliba/plumbum"),
        ("arrow-py__arrow.1d70d009.lm_rewrite__nuzjfyur", "arrow-py/arrow"),
        ("pandas-dev__pandas.95280573.pr_53652", "pandas-dev/pandas"),
        ("owner__name.js-12", "owner/name.js"),
        ("task-17", None),
        ("__x", None),
        ("", None),
    ],
)
def test_repositories_of_instance_ids(instance_id, expected):
    assert repository(instance_id) == expected


def test_a_threshold_reads_other_rewards():
    assert find_mark({"reward": 0.4}, AGENT_FLAGS, 0.3).success is True
    assert find_mark({"score": 4.3}, AGENT_FLAGS, 4).note == "score: right"
    assert find_mark({"score": 3.0}, AGENT_FLAGS, 4).note == "score: failed"
    assert find_mark({"score": 3.0}, AGENT_FLAGS).note.startswith("score: unmarked (no reward")
    assert find_mark({"reward": "high"}, AGENT_FLAGS).note == "reward: unmarked (says nothing)"
    assert find_mark({}, AGENT_FLAGS) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"target": "No"}, None),  # a reference answer
        ({"target": "1"}, None),
        ({"label": "yes"}, None),
        ({"target": False}, False),
        ({"target": "True"}, True),
        ({"label": 1}, True),
        ({"target": "x", "scores": {"match": {"value": "C"}}}, True),  # inspect_ai
        ({"scores": {"a": {"value": "C"}, "b": {"value": "I"}}}, False),
        ({"scores": {"a": {"value": 0.5}}}, False),
        ({"scores": {"a": {"value": "P"}}}, None),
        ({"scores": {"a": {"value": {"x": 1}}}}, None),
        ({"scores": [1, 2]}, None),
    ],
)
def test_answers_are_no_marks_and_scores_of_inspect_are(data, expected):
    assert verified_flag(data) is expected
