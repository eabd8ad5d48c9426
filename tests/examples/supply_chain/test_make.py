"""The sets: as many instances as they should have, none twice, and the files that are kept are what is made."""

import json
from collections import Counter

import pytest

from examples.supply_chain import make
from tests.examples.supply_chain.plans import played
from treadle.domains.registry import use
from treadle.evaluate.domain_sets import load_set


@pytest.fixture(scope="module")
def sets():
    return make.instances()


def test_no_instance_is_in_two_sets_or_twice_in_one(sets):
    assert {name: len(tasks) for name, tasks in sets.items()} == {n: 4 * count for n, count in make.SETS.items()}
    problems = [task.problem for tasks in sets.values() for task in tasks]
    assert len(set(problems)) == len(problems)
    assert Counter(task.setup["family"] for task in sets["test"]) == dict.fromkeys(make.FAMILIES, make.SETS["test"])


@pytest.mark.parametrize("name", ["test", "larger", "validation"])
def test_the_files_are_what_is_made(sets, name):
    rows = [json.loads(line) for line in (make.HERE / f"{name}.jsonl").read_text().splitlines()]
    assert rows == [make.problem_row(task) for task in sets[name]]


@pytest.mark.parametrize("name", ["test", "larger", "validation"])
def test_the_sets_have_the_count_and_hash_that_the_domain_names(name):
    use(str(make.HERE))
    assert len(load_set(f"supply_chain/{name}").problems) == 4 * make.SETS[name]


def test_an_expert_row_holds_what_the_environment_answers(sets):
    for task in sets["experts"][:8]:
        row = make.expert_row(task)
        assert str(played(task.setup, (step["action"] for step in row["steps"])).plan.cost) == row["answer"]
        assert row["meta"]["setup"] == task.setup
        assert row["steps"][-1]["observation"] == f"Complete, cost {row['answer']}."
