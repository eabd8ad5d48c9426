"""The form that a prompt asks for is the expert's, and worked examples stand before the task."""

from __future__ import annotations

import json

import pytest

from treadle import Step, Trajectory, read_trajectories
from treadle.data.instances import Rendering, step_instance
from treadle.data.prompts import Asking, solve_prompt, step_prompt
from treadle.data.prompts.asking import Example, step_form

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


@pytest.mark.parametrize("domain", ["math", "agent", "miniature"])
def test_examples_are_turns_before_the_task_so_that_all_prompts_begin_alike(domain):
    asking = Asking(False, EXAMPLES)
    one, other = (step_prompt(domain, problem, TITLED[:1], asking=asking) for problem in ("first task", "second one"))
    assert [message["role"] for message in one] == ["user", "assistant"] * 2 + ["user"]
    assert one[:-1] == other[:-1]
    assert one[-1:] == step_prompt(domain, "first task", TITLED[:1], asking=Asking(False))
    assert one[0] == step_prompt(domain, "Tom has 2 pens.", [Step("He has 2.")], asking=Asking(False), form="line")[0]
    assert [message["content"] for message in one[1::2]] == ["So 2.", "She has 3."]


def test_the_environments_rules_come_first():
    roles = [m["role"] for m in step_prompt("agent", "p", [], system="tools", asking=Asking(True, EXAMPLES))]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]


def test_titles_are_shown_in_examples_where_they_are_shown_in_the_task():
    example = (Example("p", tuple(TITLED), 2),)
    for title in (None, "Add"):
        shown = step_prompt("math", "q", [], title=title, asking=Asking(False, example))[0]["content"]
        assert ("Title of the next step: Stop" in shown) == (title is not None)


def test_an_example_answers_in_the_form_that_is_asked_for():
    answers = [m["content"] for m in step_prompt("math", "p", [], asking=Asking(True, EXAMPLES)) if m["role"] != "user"]
    # The thoughts of the first example's expert are not known.
    assert answers == ["<think>...</think>So 2.", "<think>three</think>She has 3."]
    tags = Asking(True, EXAMPLES[1:], tags=("<a>", "</a>"))
    assert step_prompt("math", "p", [], asking=tags)[1]["content"] == "<a>three</a>She has 3."


def test_whole_solutions_of_examples_end_in_a_box():
    turns = solve_prompt("math", "p", Asking(False, EXAMPLES))
    assert turns[1]["content"] == "He has 2.\nSo 2.\nThe final answer is \\boxed{2}."
    assert turns[-1:] == solve_prompt("math", "p", Asking(False))
    boxed = Example("q", (Step(r"So \boxed{9}"),), 1, "9")
    assert solve_prompt("math", "p", Asking(False, (boxed,)))[1]["content"] == r"So \boxed{9}"
