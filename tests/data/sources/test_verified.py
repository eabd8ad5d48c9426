"""What real sources say about success, and the repositories in their ids."""

from __future__ import annotations

import pytest

from treadle.data.sources.verified import repository, verified_flag


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
        ({"reward": 0.4}, None),
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
