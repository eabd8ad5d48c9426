from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.instances import step_instances
from treadle.miniature import world
from treadle.miniature.pretrain import encode
from treadle.miniature.worksheets import Habit, Part, PretrainSettings, sheet, worked_lines
from treadle.scoring.completion import Completion, parse_completion

PROBLEM = world.Problem(243, (world.Operation("a", 9, 8), world.Operation("b", 3, 5)))


def test_an_example_by_hand():
    assert PROBLEM.text == "243a98b35"
    assert PROBLEM.values == [243, 195, 590]  # 243 * 9 + 8 = 2195; 195 * 3 + 5 = 590
    assert PROBLEM.answer == "590"
    trajectory = world.expert_trajectory(PROBLEM, "x")
    assert [s.action for s in trajectory.steps] == ["a243*9+8=195", "b195*3+5=590", "\\boxed{590}"]
    assert (trajectory.answer, trajectory.domain, trajectory.verified) == ("590", "miniature", True)


def test_a_title_is_the_operation_and_the_prompts_last_line():
    trajectory = world.expert_trajectory(PROBLEM, "x")
    prompts = [i.prompt[0]["content"] for i in step_instances(trajectory, targets="all", give_title=True)]
    assert prompts == [
        "next 243a98b35\na98",
        "next 243a98b35\na243*9+8=195\nb35",
        "next 243a98b35\na243*9+8=195\nb195*3+5=590",  # the closing step has none
    ]
    plain = [i.prompt[0]["content"] for i in step_instances(trajectory, targets="all")]
    assert plain == ["next 243a98b35", "next 243a98b35\na243*9+8=195", prompts[2]]


def test_careful_thought_by_hand():
    # 3*9+8=35 carry 3; 4*9+3=39 carry 3; 2*9+3=21.
    assert world.careful_thought(PROBLEM.operations[0], 243) == "a243:3*9+8=35|4*9+3=39|2*9+3=21"


def test_careless_work_forgets_carries():
    # 3*9+8=35 -> 5, 4*9=36 -> 6, 2*9=18 -> 8.
    assert PROBLEM.operations[0].apply_without_carry(243) == 865
    assert world.Operation("a", 3, 1).apply_without_carry(111) == 334 == world.Operation("a", 3, 1).apply(111)


@given(st.integers(0, 999), st.sampled_from(world.MULTIPLIERS), st.integers(0, 9))
def test_careful_thoughts_spell_the_result(value, multiplier, addend):
    operation = world.Operation("a", multiplier, addend)
    last_digits = [part[-1] for part in world.careful_thought(operation, value)[1:].split("|")]
    assert "".join(reversed(last_digits)) == f"{operation.apply(value):03d}"


def test_guessing_the_answer_succeeds_once_in_a_thousand():
    """Each step is a bijection, so that uniform starts give uniform answers."""
    for multiplier in world.MULTIPLIERS:
        for addend in range(10):
            assert len({world.Operation("a", multiplier, addend).apply(v) for v in range(world.MODULUS)}) == 1000


def test_styles_change_thoughts_but_never_actions():
    problem = world.make_problem(random.Random(1))
    careless, careful, verbose = (world.expert_trajectory(problem, "x", s) for s in ("careless", "careful", "verbose"))
    assert [s.action for s in careless.steps] == [s.action for s in careful.steps] == [s.action for s in verbose.steps]
    lengths = [sum(len(s.thought) for s in t.steps) for t in (careless, careful, verbose)]
    assert lengths[0] < lengths[1] < lengths[2]
    assert world.expert_trajectory(problem, "x") == world.expert_trajectory(problem, "x")


@pytest.mark.parametrize("style", ["careless", "careful", "verbose"])
def test_every_style_keeps_the_format(style):
    for step in world.expert_trajectory(world.make_problem(random.Random(2)), "x", style).steps:
        text = f"<think>{step.thought}</think>{step.action}"
        assert parse_completion(text) == Completion(step.thought.strip(), step.action)


@given(st.integers(0, 10**6))
def test_sheets_are_encoded_without_loss_and_learn_only_the_answer(seed):
    from treadle.miniature.tokenizer import build_tokenizer

    tokenizer = _TOKENIZERS.setdefault("built", build_tokenizer())
    user, given_part, learned = sheet(random.Random(seed), PretrainSettings(), Part(Habit(0.3, 0.1), 1, 1e-3))
    ids, labels = encode(tokenizer, user, given_part, learned)
    assert tokenizer.decode(ids) == f"<|user|>{user}<|end|><|assistant|>{given_part}{learned}<|end|>"
    assert tokenizer.decode([label for label in labels if label >= 0]) == f"{learned}<|end|>"


_TOKENIZERS = {}


def test_worked_lines_chain_the_values_that_were_written():
    lines, value = worked_lines(random.Random(0), world.make_problem(random.Random(3)), [0.0] * 8, 0.0)
    (*lines, closing) = lines
    results = [action.split("=")[1] for _, action in lines]
    starts = [action[1:4] for _, action in lines]
    assert starts[1:] == results[:-1]
    assert f"{value:03d}" == results[-1]
    assert closing == ("=", f"\\boxed{{{value:03d}}}")
