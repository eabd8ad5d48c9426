"""Which stages a first recipe has: by the sample's state, else by what the data holds."""

from __future__ import annotations

import pytest
import yaml

from tests.docs.test_which import RECIPE, TEXT
from treadle.check.advice import PAGE, STAGES, Advice
from treadle.check.measured import Demonstrations
from treadle.check.state import State
from treadle.errors import RecipeError
from treadle.init.stages import SETTINGS, plan


def kinds(found, *more):
    return [kind for kind, _ in plan(found, *more).stages]


def test_without_a_sample_the_data_decides(found):
    assert kinds(found()) == ["srl", "rlvr"]
    assert kinds(found(answers=0)) == ["srl"]
    assert kinds(found(answers_only=True, instances=0)) == ["rlvr"]
    agents = plan(found(answers=0, demonstrations=Demonstrations(9, agents=True)))
    assert agents.why.startswith("Agents' data has no final answers")


@pytest.mark.parametrize("state", [state for state in State if STAGES[state]])
def test_with_a_sample_its_advice_is_followed(found, state):
    chosen = plan(found(), Advice(state, STAGES[state], "What was measured."))
    assert [kind for kind, _ in chosen.stages] == list(STAGES[state])
    assert chosen.why == f"What was measured. ({PAGE}, {state})"


def test_what_stages_need_in_a_state_is_what_the_page_says():
    told = {}
    for names, text in RECIPE.findall(TEXT):
        stages = {stage.pop("kind"): stage for stage in yaml.safe_load(text)["stages"]}
        for stage in stages.values():
            stage.pop("epochs", None)  # which is a size
        needs = {kind: stage for kind, stage in stages.items() if stage}
        told |= {State(name.strip("` ")): needs for name in names.split(",") if needs}
    assert told == SETTINGS


def test_a_sample_that_is_too_small_leaves_it_to_the_data(found):
    chosen = plan(found(), Advice(State.TOO_FEW, (), "Four groups."))
    assert [kind for kind, _ in chosen.stages] == ["srl", "rlvr"]
    assert chosen.why.startswith("The sample was too small to decide (Four groups.). SRL, then RLVR")


def test_where_nothing_is_to_be_trained_yet_no_recipe_is_written(found):
    with pytest.raises(
        RecipeError, match=r"(?s)nothing yet\. All solved\..*docs/which\.md of treadle's repository, too_easy.*--stages"
    ):
        plan(found(), Advice(State.TOO_EASY, (), "All solved."))
    assert kinds(found(), Advice(State.TOO_EASY, (), "All solved."), ["rlvr"]) == ["rlvr"]
