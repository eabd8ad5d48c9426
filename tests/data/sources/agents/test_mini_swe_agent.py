"""mini-swe-agent's files: the commands that it ran, in both of its versions."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, replay, row, sample, spoken
from treadle.data.sources.agents import openhands, swe_agent
from treadle.data.sources.agents.mini_swe_agent import FORM, commands
from treadle.data.sources.report import DropReason

EARLIER = (swe_agent.FORM, openhands.FORM)
TASK = "Solve it. To finish, issue `echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT`."


def chat(*turns, task=TASK, label="```bash", **more):
    messages = [{"role": "system", "content": "rules"}, {"role": "user", "content": task}]
    for said, *answers in turns:
        messages.append({"role": "assistant", "content": said})
        messages += [{"role": "user", "content": answer} for answer in answers]
    return {"messages": messages, **more}


def test_a_trajectory_by_hand():
    data = chat(
        ("THOUGHT: look\n\n```bash\nls\n```", "<returncode>0</returncode>\n<output>\nx</output>"),
        ("```bash\necho COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\n```", ""),
        info={"exit_status": "Submitted", "mini_version": "1.9.0", "config": {"model": {"model_name": "m"}}},
        trajectory_format="mini-swe-agent-1",
        instance_id="django__django-11099",
    )
    trajectory = read(FORM, data)
    first, last = trajectory.steps
    assert (first.thought, first.before, first.action, first.after) == ("THOUGHT: look", "\n\n```bash\n", "ls", "\n```")
    assert first.observation == "<returncode>0</returncode>\n<output>\nx</output>"
    assert last.observation == ""
    assert (trajectory.verified, trajectory.repo) == (True, "django/django")
    assert {k: trajectory.meta[k] for k in ("model", "version", "exit_status")} == {
        "model": "m",
        "version": "1.9.0",
        "exit_status": "Submitted",
    }


def test_the_sample_put_together_again(data):
    (each,) = sample(data / "trajectories" / "mini_swe_agent.traj.json")
    assert not any(form.matches(each) for form in EARLIER)
    trajectory = read(FORM, each.data)
    assert len(trajectory.steps) == 10
    assert replay(trajectory) == spoken(each.data["messages"])
    assert (trajectory.system, trajectory.problem) == tuple(m["content"] for m in each.data["messages"][:2])


@pytest.mark.parametrize("label", ["bash", "mswea_bash_command"])
@given(data=st.data())
def test_commands_are_those_of_its_own_expression(label, data):
    pieces = [f"```{label}", "```", "\n```", f"\n```{label}\n", "\n", " ", "x", "\n\n", "\u00a0"]
    text = "".join(data.draw(st.lists(st.sampled_from(pieces))))
    expected = re.findall(rf"```{label}\s*\n(.*?)\n```", text, re.DOTALL)
    assert [text[start:end].strip() for _, start, end in commands(text, label)] == [e.strip() for e in expected]


def test_a_block_in_a_thought_is_no_command():
    said = "<think>\n```bash\nrm x\n```\nno\n</think>\n\n```bash\nls\n```"
    (step,) = read(FORM, chat((said, "<returncode>0</returncode>"))).steps
    assert (step.action, step.thought) == ("ls", "```bash\nrm x\n```\nno")


def test_only_the_label_of_the_run_counts():
    both = "```bash\nls\n```\nrather\n```mswea_bash_command\npwd\n```"
    (step,) = read(FORM, chat((both, "out"))).steps
    assert (step.action, step.thought) == ("pwd", "```bash\nls\n```\nrather")
    assert reason(FORM, chat(("```bash\nls\n```\n```bash\npwd\n```", "out"))) == DropReason.SEVERAL_ACTIONS


def test_turns_that_were_not_carried_out():
    turn = ("```bash\nls\n```", "out")
    two = "```bash\nls\n```\n```bash\npwd\n```"
    for said in ("no command", two):
        refusal = "Please always provide EXACTLY ONE action in triple backticks, found some."
        trajectory = read(FORM, chat(turn, (said, refusal), turn))
        assert (len(trajectory.steps), trajectory.meta["talk"]) == (2, [[1, said, refusal]])
    unknown = chat(turn, ("no command", "<returncode>0</returncode>"), turn)
    assert reason(FORM, unknown) == DropReason.TURN_WITHOUT_ACTION
    assert reason(FORM, chat(("```bash\n\n```", "out"))) == DropReason.EMPTY_ACTION
    assert reason(FORM, chat(("prose", "x"), trajectory_format="mini-swe-agent-1")) == DropReason.NO_ACTIONS


def test_calls_of_version_2():
    def call(command, i):
        return {
            "function": {"name": "bash", "arguments": json.dumps({"command": command})},
            "id": i,
            "type": "function",
        }

    def turn(content, *calls):
        actions = [{"command": "x", "tool_call_id": c["id"]} for c in calls]
        return {"role": "assistant", "content": content, "tool_calls": [*calls], "extra": {"actions": actions}}

    messages = [
        *chat()["messages"],
        turn("I look.", call("ls", "a"), call("pwd", "b")),
        {"role": "tool", "content": "<output>\nx</output>", "tool_call_id": "a", "extra": {"returncode": 0}},
        {"role": "tool", "content": "<output>\n/</output>", "tool_call_id": "b", "extra": {"returncode": 0}},
        turn(None, call("submit", "c")),
        {"role": "exit", "content": "the patch", "extra": {"exit_status": "Submitted", "submission": "the patch"}},
    ]
    data = {"messages": messages, "info": {"exit_status": "Submitted"}, "trajectory_format": "mini-swe-agent-1.1"}
    trajectory = read(FORM, data)
    assert [step.action for step in trajectory.steps] == ["ls", "pwd", "submit"]
    assert [json.loads(step.call)["id"] for step in trajectory.steps] == ["a", "b", "c"]
    assert [parts_of(trajectory, k) for k in range(3)] == [
        ["<output>\nx</output>"],
        ["<output>\n/</output>"],
        ["the patch"],
    ]
    assert trajectory.meta["calls_per_turn"] == [2, 1]
    assert FORM.matches(row({"messages": messages}))
    refused = {"role": "user", "content": "Unknown tool 'edit'.", "extra": {"interrupt_type": "FormatError"}}
    lost = turn("I think so.", call("rm", "d"))
    again = read(FORM, data | {"messages": [*messages[:5], lost, refused, *messages[5:]]})
    assert again.meta["talk"] == [[2, "I think so.", "Unknown tool 'edit'."]]
    assert again.steps == trajectory.steps
    other = turn("", {"function": {"name": "edit", "arguments": "{}"}, "id": "a"})
    (step,) = read(FORM, {"messages": [*messages[:2], other]}).steps
    assert step.action == "<function=edit>\n</function>"
    assert reason(FORM, {"messages": [*messages[:2], turn("", call(" ", "a"))]}) == DropReason.EMPTY_ACTION


def test_rows_of_other_kinds():
    turn = ("```bash\nls\n```", "out")
    assert not FORM.matches(row(chat(turn, task="Solve it.")))
    assert not FORM.matches(row(chat(("prose", "out"))))
    assert not FORM.matches(row({"trajectory_format": "mini-swe-agent-1"}))
    assert FORM.matches(row({"messages": json.dumps(chat(turn)["messages"])}))
