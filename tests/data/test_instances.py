from __future__ import annotations

import pytest

from treadle import Step, Trajectory, step_instances
from treadle.data.prompts import solve_prompt
from treadle.errors import DataError

TRAJECTORY = Trajectory(
    "t",
    "What is 2*3+4?",
    (
        Step("1. **Multiply** 2*3=6", title="Multiply", thought="SECRET"),
        Step("2. **Add** 6+4=10", title="Add"),
        Step("3. **Conclude** \\boxed{10}", title="Conclude"),
    ),
    answer="10",
)


def text(instance) -> str:
    assert [m["role"] for m in instance.prompt] == ["user"]
    return instance.prompt[0]["content"]


def test_paper_targets_are_all_steps_but_the_last():
    instances = step_instances(TRAJECTORY)
    assert [(i.step, i.n_steps, i.expert_action) for i in instances] == [
        (1, 3, "1. **Multiply** 2*3=6"),
        (2, 3, "2. **Add** 6+4=10"),
    ]
    assert all(i.trajectory_id == "t" and i.answer == "10" for i in instances)
    assert [i.step for i in step_instances(TRAJECTORY, targets="all")] == [1, 2, 3]


def test_prompt_shows_problem_and_earlier_actions_only():
    second = text(step_instances(TRAJECTORY)[1])
    assert "What is 2*3+4?" in second
    assert "1. **Multiply** 2*3=6" in second
    assert "6+4=10" not in second
    assert "SECRET" not in second


def test_prompts_of_a_trajectory_begin_alike():
    second, third = (text(i) for i in step_instances(TRAJECTORY, targets="all")[1:])
    assert third.startswith(second)


def test_title_is_shown_on_request_and_the_target_keeps_it():
    with_title, without = (step_instances(TRAJECTORY, give_title=flag)[1] for flag in (True, False))
    assert "Title of the next step: Add" in text(with_title)
    assert "Title of the next step" not in text(without)
    assert with_title.expert_action == without.expert_action
    assert without.title == "Add"


def test_a_context_window_shows_the_last_steps_and_says_what_is_left_out():
    third = text(step_instances(TRAJECTORY, targets="all", context=1)[2])
    assert "2*3=6" not in third
    assert "6+4=10" in third
    assert "the first 1 steps are left out" in third
    none = text(step_instances(TRAJECTORY, targets="all", context=0)[2])
    assert "6+4=10" not in none


def test_one_step_under_the_papers_targets_gives_nothing():
    assert step_instances(Trajectory("t", "p", (Step("s"),))) == []


@pytest.mark.parametrize("settings", [{"targets": "last"}, {"context": -1}, {"context": "some"}, {"context": True}])
def test_wrong_settings_are_refused(settings):
    with pytest.raises(ValueError, match="expected"):
        step_instances(TRAJECTORY, **settings)


def test_a_domain_without_templates_is_named():
    with pytest.raises(DataError, match=r"'chess'.*found agent, lean, math, miniature, python"):
        step_instances(Trajectory("t", "p", (Step("s"),), domain="chess"), targets="all")


AGENT = Trajectory(
    "a",
    "Fix the bug.",
    tuple(Step(f"cmd {k}", thought="SECRET", observation=f"out {k}") for k in (1, 2, 3, 4)),
    domain="agent",
    system="You have a shell.",
)


def test_agents_see_rules_task_and_pairs_of_action_and_observation():
    first, *_, last = step_instances(AGENT, targets="all")
    assert [m["role"] for m in last.prompt] == ["system", "user"]
    assert last.prompt[0]["content"].startswith("You have a shell.\n")
    content = last.prompt[1]["content"]
    assert "Task:\nFix the bug.\n\nSo far:\n\nAction 1:\ncmd 1\nObservation 1:\nout 1\n\nAction 2:" in content
    assert content.endswith("Action 3:\ncmd 3\nObservation 3:\nout 3")
    assert "SECRET" not in content
    assert last.expert_action == "cmd 4"
    assert first.prompt[1]["content"].endswith("So far:\n(nothing yet)")


def test_prompts_of_an_agent_begin_alike_once_something_was_done():
    contents = [i.prompt[1]["content"] for i in step_instances(AGENT, targets="all")]
    assert contents[2].startswith(contents[1])
    assert contents[3].startswith(contents[2])


def test_the_papers_window_is_two_pairs_counted_as_in_the_whole():
    content = step_instances(AGENT, targets="all", context=2)[3].prompt[1]["content"]
    assert "So far:\n(the first 1 actions and what the environment answered are left out)\n\nAction 2:\n" in content
    assert "cmd 1" not in content
    none = step_instances(AGENT, targets="all", context=0)[3].prompt[1]["content"]
    assert none.endswith("(the first 3 actions and what the environment answered are left out)")


def test_agents_have_no_prompt_for_whole_solutions():
    with pytest.raises(DataError, match=r"domain 'agent' has no prompt for whole solutions .*set `unit` to steps"):
        solve_prompt("agent", "p")
