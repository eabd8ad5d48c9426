"""Removal of steps, limits on their number, and targets by length, against cases worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.curate.steps import StepChange, StepCuration, curate_steps, is_noop, length_faults
from treadle.data.sources.report import DropReason
from treadle.errors import DataError
from treadle.files.rows import Rejected
from treadle.trajectory import Step, Trajectory


def agent(*steps: Step) -> Trajectory:
    return Trajectory("t", "Fix it.", steps, domain="agent")


def call(name: str, **parameters: str) -> str:
    lines = "\n".join(f"<parameter={key}>{value}</parameter>" for key, value in parameters.items())
    return f"<function={name}>\n{lines}\n</function>"


@pytest.mark.parametrize(
    "action",
    [
        ":",
        "true",
        " true ; ",
        "clear",
        "sleep 5",
        "sleep 0.5s",
        "echo",
        "echo done",
        "echo 'It costs $5 & more | less > none'",
        'echo -e "first line\nsecond line"',
        "echo --- a/b.py: 100% =",
        call("bash", command="true"),
        call("execute_bash", command="\necho 'thinking'\n", security_risk="LOW"),
        call("terminal", command="sleep 30", timeout="60"),
        call("think", thought="The bug is in <parser>. Let me run rm -rf / && pytest."),
    ],
)
def test_noops(action):
    assert is_noop(Step(action))


@pytest.mark.parametrize(
    "action",
    [
        "pwd",
        "ls",
        "cat a.py",
        "sleep 5 && ls",
        "true && rm a",
        "truely",
        "echo $HOME",
        'echo "$(git status)"',
        'echo "`date`"',
        "echo *",
        "echo ~",
        "echo {1..9}",
        "echo x > a.py",
        "echo 'x' >> a.py",
        "echo x | tee a",
        "echo a; rm b",
        "echo a\nrm b",
        "echo 'unclosed",
        "sleep $N",
        "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT",
        'echo "MINI_SWE_AGENT_FINAL_OUTPUT"',
        "submit",
        "exit",
        call("bash", command=""),  # asks a running process for more output
        call("bash", command="ls"),
        call("execute_bash", command="true", is_input="true"),  # goes to a running program
        call("execute_bash", command="true</parameter> && rm a"),
        call("str_replace_editor", command="true"),
        call("think", thought="so") + "\n" + call("bash", command="rm a"),
        "<function=bash>true</function>",
        "Think again.",
    ],
)
def test_what_may_do_something_is_no_noop(action):
    assert not is_noop(Step(action))


def test_a_long_echo_is_judged_quickly():
    assert is_noop(Step("echo " + "word " * 100_000))
    assert not is_noop(Step("echo " + "'a' b\t" * 100_000 + "|"))


def test_repeated_steps_go_and_the_first_stays():
    steps = [
        Step("ls", observation="a"),
        Step("ls", thought="Once more.", observation="a"),
        Step("ls", observation="a"),
        Step("ls", observation="a b"),  # another observation
        Step("cat a", observation="a b"),
        Step("ls", thought="And now?", observation="a b"),  # as two steps before, but not as the one before
        Step("submit"),
        Step("submit"),  # the last one is never removed
    ]
    trajectory = agent(*steps)
    curated, removed = curate_steps(trajectory, StepCuration(drop_repeated=True))
    assert [steps.index(step) for step in curated.steps] == [0, 3, 4, 5, 6, 6]
    assert removed == {StepChange.REPEATED: 2}
    assert replace(curated, steps=trajectory.steps) == trajectory
    assert curate_steps(trajectory, StepCuration()) == (trajectory, {})


def test_noops_are_removed_for_agents_only_and_never_at_the_end():
    steps = (Step("true"), Step("ls"), Step(call("think", thought="Hm.")), Step("sleep 9"), Step("echo done"))
    curated, removed = curate_steps(agent(*steps), StepCuration(drop_noop=True))
    assert [step.action for step in curated.steps] == ["ls", "echo done"]
    assert removed == {StepChange.NOOP: 3}
    in_math = replace(agent(*steps), domain="math")
    assert curate_steps(in_math, StepCuration(drop_noop=True)) == (in_math, {})


@pytest.mark.parametrize(
    ("settings", "reason", "detail"),
    [
        (
            StepCuration(min_steps=3, drop_repeated=True),
            DropReason.TOO_FEW_STEPS,
            "2 steps after 2 were removed, --min-steps is 3",
        ),
        (StepCuration(max_steps=3), DropReason.TOO_MANY_STEPS, "4 steps, --max-steps is 3"),
    ],
)
def test_the_number_of_steps_is_judged_after_the_removals(settings, reason, detail):
    trajectory = agent(Step("a"), Step("a"), Step("a"), Step("b"))
    with pytest.raises(Rejected) as caught:
        curate_steps(trajectory, settings)
    assert (caught.value.reason, caught.value.detail) == (reason, detail)
    assert len(curate_steps(trajectory, StepCuration(max_steps=2, drop_repeated=True))[0].steps) == 2


@given(st.lists(st.sampled_from(["ls", "true", "cat a", "sleep 1"]), min_size=1, max_size=12))
def test_what_is_left_and_what_was_counted_add_up(actions):
    trajectory = agent(*map(Step, actions))
    curated, removed = curate_steps(trajectory, StepCuration(drop_repeated=True, drop_noop=True))
    assert len(curated.steps) + removed.total() == len(actions)
    assert curated.steps[-1] is trajectory.steps[-1]
    assert removed[StepChange.NOOP] == sum(action in ("true", "sleep 1") for action in actions[:-1])


def test_steps_of_another_length_are_no_targets():
    trajectory = agent(Step("12"), Step("123"), Step("12345"), Step("123456"))
    assert length_faults(trajectory, StepCuration(min_action_chars=3, max_action_chars=5)) == [
        StepChange.SHORT_ACTION,
        None,
        None,
        StepChange.LONG_ACTION,
    ]
    assert length_faults(trajectory, StepCuration()) == [None] * 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_steps": 5, "max_steps": 4}, r"--max-steps 4: expected at least 5, as --min-steps is 5"),
        ({"max_action_chars": 0}, r"--max-action-chars 0: expected at least 1"),
        ({"min_action_chars": -1}, r"--min-action-chars -1: expected 0 or more"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings, message):
    with pytest.raises(DataError, match=message):
        StepCuration(**settings)
