import json
from collections import Counter
from dataclasses import replace

import pytest

from tests.examples.data_analysis.example import of_example, opened

pytest.importorskip("duckdb")
USES = of_example("make.py:USES")
trajectories = of_example("make.py:trajectories")


@pytest.fixture(scope="module")
def made():
    asked: set[str] = set()
    return {use.name: list(trajectories(replace(use, each=2), asked)) for use in USES}


def test_every_trajectory_plays_again_to_its_answer(made):
    for found in (one for use in made.values() for one in use):
        world = opened(**found.meta["setup"])
        assert [world.step(step.action) for step in found.steps] == [
            (step.observation, step is found.steps[-1]) for step in found.steps
        ]
        assert of_example("verdict.py:as_answer")(world.result, json.loads(found.answer)["ordered"]) == found.answer


def test_no_question_and_no_tables_are_in_two_files(made):
    problems = [one.problem for use in made.values() for one in use]
    assert len(problems) == len(set(problems)) == 2 * (23 + 23 + 2 + 4)
    seeds = [{one.meta["setup"]["seed"] for one in use} for use in made.values()]
    assert len(set().union(*seeds)) == sum(map(len, seeds))


def test_what_is_held_out_is_in_no_other_file(made):
    families = {name: {one.meta["family"] for one in use} for name, use in made.items()}
    assert families["experts"] == families["known"]
    assert not families["held_out"] & (families["experts"] | families["validation"])


def test_the_same_questions_each_time(made):
    again = list(trajectories(replace(USES[0], each=2), set()))
    assert again == made["experts"]


def test_there_are_enough_questions():
    families = of_example("families.py:FAMILIES")
    of_split = Counter(family.split for family in families)
    assert sum(use.each * sum(of_split[split] for split in use.splits) for use in USES) >= 300 + 100
