from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from treadle.errors import TreadleError
from treadle.evaluate.compare.naming import baseline_of, by_value, few_seeds, listed_values, named


@dataclass(frozen=True)
class Opened:
    folder: Path
    model: str


def rows(folders, groups=(), models=None):
    models = models or {}
    return named(folders, groups, lambda p: Opened(p, models.get(p.name, p.name)), lambda one: one.model)


def test_rows_are_called_by_model_folder_or_path(tmp_path):
    assert [name for name, _ in rows(["x/a", "y/b"], models={"a": "org/m", "b": "org/n"})] == ["m", "n"]
    assert [name for name, _ in rows(["x/a", "y/b"], models={"a": "org/m", "b": "org/m"})] == ["a", "b"]
    assert [name for name, _ in rows(["x/a", "y/a"], models={"a": "org/m"})] == ["x/a", "y/a"]


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (["Qwen/Qwen3-4B", "runs/mine/2-rlvr/model"], ["Qwen3-4B", "mine/2-rlvr"]),
        (["runs/mine/1-srl/model", "runs/mine/2-rlvr/model"], ["mine/1-srl", "mine/2-rlvr"]),
        (["a/mine/1-srl/model", "b/mine/1-srl/model"], ["a/mine/1-srl", "b/mine/1-srl"]),
        (["org/m", "other/m"], ["org/m", "other/m"]),
        (["/abs/1-srl/checkpoint-50", "/abs/1-srl/model"], ["abs/1-srl/checkpoint-50", "abs/1-srl"]),
        (["trained/model", "model"], ["trained", "model"]),
    ],
)
def test_models_are_told_apart_by_run_and_stage(models, names):
    given = dict(zip("ab", models, strict=True))
    assert [name for name, _ in rows(["x/a", "y/b"], models=given)] == names


def test_a_group_is_one_row_and_takes_its_folders():
    found = rows(["x/a", "x/b", "x/c"], ["seeds=x/a,x/b"])
    assert [(name, len(opened)) for name, opened in found] == [("c", 1), ("seeds", 2)]
    assert few_seeds(found) == [
        "seeds: 2 runs say little about the spread between seeds; its intervals may be too narrow."
    ]


@pytest.mark.parametrize(
    ("folders", "groups", "said"),
    [
        (["a", "./a"], [], "a: given 2 times"),
        ([], ["seeds"], "--group 'seeds': expected NAME=RUN,RUN"),
        ([], [], "no runs: expected treadle compare"),
        (["x/b"], ["b=x/c"], "2 arms are named 'b'"),
    ],
)
def test_what_is_given_wrongly_is_named(folders, groups, said):
    with pytest.raises(TreadleError, match=said):
        rows(folders, groups)


def test_the_baseline_has_a_name_or_a_folder():
    found = rows(["x/a", "x/b"])
    assert [baseline_of(found, wanted) for wanted in (None, "b", "x/b")] == ["a", "b", "b"]
    with pytest.raises(TreadleError, match="--baseline c: no such run; expected one of a, b"):
        baseline_of(found, "c")


def test_values_are_listed_with_those_that_have_them():
    a, b, c = (Opened(Path(name), "") for name in "abc")
    assert listed_values(by_value([(a, 1), (b, 2), (c, 1)])) == "1 (a, c); 2 (b)"
