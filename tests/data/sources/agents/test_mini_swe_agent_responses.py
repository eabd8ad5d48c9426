"""mini-swe-agent 2 with the Responses interface: its responses, its outputs, and its errors."""

from __future__ import annotations

import json

from tests.data.sources.agent_samples import parts_of, read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.mini_swe_agent_responses import FORM
from treadle.data.sources.report import DropReason


def message(role, words, **more):
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": words}], **more}


def call(key, command, name="bash"):
    return {"type": "function_call", "call_id": key, "name": name, "arguments": json.dumps({"command": command})}


def response(*output):
    return {"object": "response", "id": "r", "output": list(output), "extra": {"cost": 0}}


def output(key, text):
    return {"type": "function_call_output", "call_id": key, "output": text, "extra": {"returncode": 0}}


def reasoning(words):
    return {"type": "reasoning", "id": "x", "summary": [{"type": "summary_text", "text": words}]}


OPENING = [message("system", "You act by bash."), message("user", "Count the files")]
EXIT = {"role": "exit", "content": "diff", "extra": {"exit_status": "Submitted", "submission": "diff"}}
INFO = {"exit_status": "Submitted", "mini_version": "2.2.8", "config": {"model": {"model_name": "gpt-x"}}}


def run(*messages, **more):
    data = {"messages": [*OPENING, *messages], "info": INFO, "trajectory_format": "mini-swe-agent-1.1"}
    return data | more


def test_a_trajectory_by_hand():
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I list."}]}
    data = run(
        response(reasoning("look"), said, call("a", "ls"), call("b", "pwd")),
        output("a", "x"),
        output("b", "/"),
        response(call("c", "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT")),
        EXIT,
        instance_id="django__django-11099",
    )
    found = read(FORM, data)
    assert registry.detect(row(data)) is FORM
    assert (found.system, found.problem, found.repo) == ("You act by bash.", "Count the files", "django/django")
    assert [step.action for step in found.steps] == ["ls", "pwd", "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"]
    assert [parts_of(found, k) for k in range(3)] == [["x"], ["/"], ["diff"]]
    assert found.steps[0].thought == "look\n\nI list."
    assert json.loads(found.steps[1].call) == call("b", "pwd")
    expected = {"version": "2.2.8", "model": "gpt-x", "exit_status": "Submitted"}
    assert {key: found.meta[key] for key in expected} == expected
    assert found.verified is True


def test_a_response_that_the_harness_refused_is_talk():
    failed = {
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Three?"}]}]
    }
    told = message("user", "No tool calls found.", extra={"interrupt_type": "FormatError", "response": failed})
    found = read(FORM, run(response(call("a", "ls")), output("a", "x"), told, response(call("b", "pwd")), EXIT))
    assert [step.observation for step in found.steps] == ["x", "diff"]
    assert found.meta["talk"] == [[1, "Three?", "No tool calls found."]]


def test_another_tool_and_what_cannot_be_read():
    (step,) = read(FORM, run(response(call("a", "x", "edit")))).steps
    assert step.action == "<function=edit>\n<parameter=command>x</parameter>\n</function>"
    assert reason(FORM, run(response(call("a", " ")))) == DropReason.EMPTY_ACTION
    assert reason(FORM, run(response(reasoning("x")))) == DropReason.NO_ACTIONS
    assert reason(FORM, run({**response(), "output": "x"})) == DropReason.MALFORMED
    assert reason(FORM, {}) == DropReason.MISSING_COLUMN
    assert not FORM.matches(row(run({"role": "assistant", "content": "x"})))
    assert not FORM.matches(row({"messages": [response(call("a", "ls"))]}))
