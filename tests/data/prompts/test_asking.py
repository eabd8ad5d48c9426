"""The form that a prompt asks for is the expert's, and worked examples stand before the task."""

from __future__ import annotations

import json

import pytest

from treadle import Step, Trajectory, read_trajectories
from treadle.data.instances import Rendering, step_instance
from treadle.data.prompts import Asking, Example, solve_prompt, step_prompt
from treadle.data.prompts.asking import step_form
from treadle.errors import DataError

TITLED = [Step("1. **Add** 1+1=2", "Add"), Step("2. **Stop** 2", "Stop")]
EXAMPLES = (
    Example("Tom has 2 pens.", (Step("He has 2."), Step("So 2.")), 2, "2"),
    Example("Ann has 3.", (Step("She has 3.", thought="three"),), 1, "3"),
)


@pytest.mark.parametrize(
    ("steps", "form"),
    [
        (TITLED, "titled"),
        ([Step("**1. Add**\nwork", "Add")], "titled"),
        ([Step("## Step 1: Add\nwork", "Add")], "named"),
        ([Step("Step 2: Add\nwork", "Add")], "named"),
        ([Step("1. add 1 and 1\nwork"), Step("2) stop")], "numbered"),
        ([Step("1. **Add** 1", "Add"), Step("2. no title"), Step("3. none")], "numbered"),
        ([Step("There are 2*3=<<2*3=6>>6 pens."), Step("6-1=5")], "line"),
        ([Step("2 pens and 3 pens are 5.")], "line"),
        ([Step("3.5 litres are left")], "line"),
        ([Step("Let x be even.\nThen x^2 is."), Step("Hence\n$$x$$")], "text"),
    ],
)
def test_the_form_is_what_most_steps_have(steps, form):
    assert step_form(steps) == form


def asked(actions: list[str], titles: list[str | None]) -> str:
    steps = tuple(Step(a, t) for a, t in zip(actions, titles, strict=True))
    return step_instance(Trajectory("t", "p", steps), 1, Rendering()).prompt[0]["content"]


def test_the_prompt_asks_for_a_number_and_a_title_only_where_the_expert_has_them():
    assert "its number, a short title in bold, then the work." in asked(["1. **Add** 1", "2. **B** 2"], ["Add", "B"])
    assert "its number, then the work." in asked(["1. add", "2. stop"], [None, None])
    assert "on a single line, without a number or a title." in asked(["2+2=4 pens.", "So 4."], [None, None])


def test_lines_of_gsm8k_are_asked_for_as_lines(data, tmp_path):
    for trajectory in list(read_trajectories(data / "math" / "gsm8k_train_2000.jsonl"))[:300]:
        content = step_instance(trajectory, 1, Rendering()).prompt[0]["content"]
        assert "number, a short title" not in content
        if all("\n" not in step.action for step in trajectory.steps):
            assert "on a single line" in content


def test_without_thoughts_no_tag_is_named():
    for domain, system in (("math", None), ("agent", "tools")):
        with_thoughts, without = (
            json.dumps(step_prompt(domain, "p", TITLED, system=system, asking=Asking(think=think)))
            for think in (True, False)
        )
        assert "<think>" in with_thoughts
        assert "think" not in without.lower()
    assert "<think>" not in solve_prompt("math", "p", Asking(think=False))[0]["content"]


@pytest.mark.parametrize("domain", ["math", "agent"])
def test_examples_stand_before_the_task_so_that_all_prompts_begin_alike(domain):
    one, other = (
        step_prompt(domain, problem, TITLED[:1], asking=Asking(False, EXAMPLES))[-1]["content"]
        for problem in ("first task", "second one")
    )
    common = one[: one.index("first task")]
    assert other.startswith(common)
    for example in EXAMPLES:
        assert example.problem in common
        assert example.target.action in common
    assert common.index("He has 2.") < common.index("So 2.") < common.index("Ann has 3.")


def test_an_example_answers_in_the_form_that_is_asked_for():
    content = step_prompt("math", "p", [], asking=Asking(True, EXAMPLES))[0]["content"]
    assert "<think>three</think>She has 3." in content
    assert "<think>...</think>So 2." in content  # the expert's thoughts are not known
    assert "<think>three" not in step_prompt("math", "p", [], asking=Asking(False, EXAMPLES))[0]["content"]


def test_whole_solutions_of_examples_end_in_a_box():
    content = solve_prompt("math", "p", Asking(False, EXAMPLES))[0]["content"]
    assert r"He has 2." + "\nSo 2.\n" + r"The final answer is \boxed{2}." in content
    boxed = Example("q", (Step(r"So \boxed{9}"),), 1, "9")
    assert solve_prompt("math", "p", Asking(False, (boxed,)))[0]["content"].count(r"\boxed{9}") == 1


def test_a_family_without_a_place_for_examples_says_so():
    with pytest.raises(DataError, match=r"miniature/step.j2 has no place for worked examples; set prompts.examples=0"):
        step_prompt("miniature", "p", [], asking=Asking(True, EXAMPLES))
