"""What the base learns from: feasible plans, for instances of no set, in the prompts that it will see."""

import json
import random

import pytest

from examples.supply_chain.make import HERE
from examples.supply_chain.sheets import Plans, sheet, texts
from treadle.domains.registry import use
from treadle.scoring.completion import Completion, parse_completion


@pytest.fixture(scope="module", autouse=True)
def _domain():
    use(str(HERE))


def test_plans_are_complete_and_of_no_kept_out_problem():
    plans = Plans(count=40).draw(set())
    assert all(plan.steps[-1].observation.startswith("Complete") for plan in plans)
    kept_out = {plans[0].problem, plans[7].problem}
    assert not kept_out & {plan.problem for plan in Plans(count=40).draw(kept_out)}
    tested = {json.loads(line)["problem"] for line in (HERE / "test.jsonl").read_text().splitlines()}
    assert not {plan.problem for plan in plans} & tested


def test_the_share_of_solvers_plans_is_as_asked():
    hasty, planned = (Plans(count=40, planned=share, changed=0.0).draw(set()) for share in (0.0, 1.0))
    assert not any("lose" in step.thought for plan in hasty for step in plan.steps)
    assert any("lose" in step.thought for plan in planned for step in plan.steps)


def test_a_sheet_is_a_decision_or_a_whole_plan():
    plans, rng = Plans(count=8).draw(set()), random.Random(0)
    for asked, given, learned in (sheet(rng, plans) for _ in range(40)):
        assert not given
        lines = learned.split("\n")
        assert all(isinstance(parse_completion(line), Completion) for line in lines)
        assert asked.startswith("All decision lines" if len(lines) > 1 else ("All", "Next"))


def test_texts_for_the_tokenizer_have_problems_thoughts_and_answers():
    plans = Plans(count=4).draw(set())
    found = "\n".join(texts(plans))
    for step in plans[0].steps:
        assert step.action in found
        assert step.thought in found
    assert plans[1].steps[-1].observation in found
