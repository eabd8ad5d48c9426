"""`sampling_floor` of a recipe: a number, or what was measured of the data; checked before a model is loaded."""

from __future__ import annotations

import json

import pytest

from tests.recipe.test_stages import RLVR, SFT, SRL, lines, prepared, recipe  # noqa: F401, fixtures
from treadle.data.prepared import Prepared
from treadle.errors import RecipeError
from treadle.recipe import stages
from treadle.recipe.arguments import OWNED
from treadle.recipe.identity import identity
from treadle.recipe.sampling_floor import with_sampling_floor
from treadle.recipe.schema import RLStage
from treadle.training.srl_config import SRLConfig

DATA = {**SRL, "sampling_floor": "data"}


def test_the_floor_of_the_data_becomes_the_trainers(recipe, prepared, tmp_path, monkeypatch):  # noqa: F811
    floor = Prepared(prepared).floor
    loaded = recipe(DATA, {**RLVR, "sampling_floor": "data"}, {**SRL, "name": "number", "sampling_floor": 0.25}, SFT)
    sizes = stages.check(loaded)
    assert [size.sampling_floor for size in sizes] == [floor, floor, 0.25, None]
    assert f"; groups whose best reward is below {floor:.2f} are dropped" in sizes[0].describe()
    found = []
    build = stages.build_trainer
    monkeypatch.setattr(stages, "build_trainer", lambda *given: found.append(build(*given)) or found[-1])
    stages.run(recipe(DATA, {**SRL, "name": "without"}), quiet=True)
    assert [trainer.args.sampling_floor for trainer in found] == [floor, None]
    with_it, without = (lines(tmp_path / "run" / name / "metrics.jsonl") for name in ("1-srl", "2-without"))
    assert all("sampling/dropped/all_poor" in log for log in with_it if "loss" in log)
    assert not any("sampling/dropped/all_poor" in log for log in without)
    groups = lines(tmp_path / "run" / "1-srl" / "rollouts.jsonl")
    # With one reward a group's best is what rollouts.jsonl has of it.
    assert all(max(group["rewards"]) >= floor for group in groups if group["kept"])


def test_the_key_is_that_of_the_trainer_and_off_unless_set(recipe):  # noqa: F811
    assert OWNED["sampling_floor"] == "sampling_floor"
    assert RLStage.model_fields["sampling_floor"].default is SRLConfig.sampling_floor is None
    (stage,) = identity(recipe(SRL), 0, "digest")["stages"]
    assert "sampling_floor" not in stage, "a run that was begun before there was such a key goes on"
    assert identity(recipe(DATA), 0, "digest")["stages"][0]["sampling_floor"] == "data"
    with pytest.raises(RecipeError, match=r"trl.sampling_floor: set it by the recipe's own key sampling_floor"):
        recipe({**SRL, "trl": {"sampling_floor": 0.3}})
    with pytest.raises(RecipeError, match=r"unknown key .*sampling_floor"):
        recipe({**SFT, "sampling_floor": 0.3})


@pytest.mark.parametrize("value", ["dta", True, float("nan"), [0.3]])
def test_what_is_neither_a_number_nor_data_is_refused(value, recipe):  # noqa: F811
    with pytest.raises(RecipeError, match=r"stages.0.sampling_floor: found .*; expected a number such as 0.3, `data`"):
        recipe({**SRL, "sampling_floor": value})
    assert recipe({**SRL, "sampling_floor": "2e-1"}).stages[0].sampling_floor == 0.2, "which YAML reads as text"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling_floor": 1.2}, "above 1, the highest"),
        ({"sampling_floor": -2}, "below -1, what a broken format earns"),
        ({"sampling_floor": 0.6, "reward": {"name": "similarity", "weight": 0.5}}, "above 0.5, the highest"),
        ({"sampling_floor": 0.3, "dynamic_sampling": False}, "groups are dropped by dynamic sampling"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_before_a_model_is_loaded(changes, message, recipe):  # noqa: F811
    with pytest.raises(RecipeError, match=rf"stages\.srl: sampling_floor=.*{message}"):
        stages.check(recipe({**SRL, **changes}))


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        ({**DATA, "reward": "margin"}, "reward=margin is another reward than similarity"),
        ({**DATA, "unit": "solution"}, "unit=solution is not measured"),
        ({**DATA, "autojunk": True}, "without autojunk"),
        ({**DATA, "argument_order": "expert_first"}, "argument_order=model_first"),
        ({**DATA, "reward": {"name": "similarity", "weight": 2}}, "reward=2 x similarity is another reward"),
        ({**RLVR, "step_share": 0.0, "sampling_floor": "data"}, "final answers earn 0 or 1"),
    ],
)
def test_data_is_refused_where_no_floor_is_measured(stage, reason, recipe):  # noqa: F811
    with pytest.raises(
        RecipeError, match=rf"stages\.\w+\.sampling_floor: data takes .*, but .*{reason}.*; set a number"
    ):
        stages.check(recipe(stage))


def test_data_of_an_earlier_version_is_refused_with_the_remedy(recipe, prepared):  # noqa: F811
    report = json.loads((prepared / "report.json").read_text())
    del report["floors"]
    (prepared / "report.json").write_text(json.dumps(report))
    made = recipe(DATA, SRL | {"name": "without"})
    with pytest.raises(RecipeError, match=r"has none: prepared by an earlier version \(prepare it again\)"):
        stages.check(made)
    assert with_sampling_floor(made.stages[1], Prepared(prepared)) is made.stages[1]
