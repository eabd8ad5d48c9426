"""Items of the Responses API: every kind of call, in every place where rows have them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.responses import FORM
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected


def message(role, *words):
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": each} for each in words]}


def call(key, name="shell", **arguments):
    return {"type": "function_call", "name": name, "arguments": json.dumps(arguments), "call_id": key}


def output(key, text):
    return {"type": "function_call_output", "call_id": key, "output": text}


ASKED = message("user", "Count the files")
ACTED = [call("a", command="ls | wc -l"), output("a", "3")]
SAID = message("assistant", "There are 3.")
TOOL = {
    "type": "function",
    "name": "shell",
    "description": "Runs.",
    "parameters": {"properties": {"command": {"type": "string"}}},
}


@pytest.mark.parametrize(
    "data",
    [
        {"input": [ASKED, *ACTED], "output": [SAID]},
        {"input": "Count the files", "output": [*ACTED, SAID]},
        {"input": [{"role": "user", "content": "Count the files"}], "response": {"output": [*ACTED, SAID]}},
        {"responses_create_params": {"input": [ASKED]}, "response": {"object": "response", "output": [*ACTED, SAID]}},
        {"responses_create_params": json.dumps({"input": [ASKED]}), "response": json.dumps({"output": [*ACTED, SAID]})},
        {"request": {"body": {"input": [ASKED]}}, "response": {"body": {"output": [*ACTED, SAID]}}},
        {"items": [ASKED, *ACTED, SAID]},
        {"messages": [ASKED, *ACTED, SAID]},
        {"messages": json.dumps([ASKED, *ACTED, SAID])},
        {"items": [ASKED, {"object": "response", "output": ACTED[:1]}, ACTED[1], SAID], "session": {"id": "x"}},
    ],
)
def test_wherever_the_items_stand(data):
    assert registry.detect(row(data)) is FORM
    found = read(FORM, data)
    (step,) = found.steps
    assert found.problem == "Count the files"
    assert step.action == "<function=shell>\n<parameter=command>ls | wc -l</parameter>\n</function>"
    assert (step.observation, json.loads(step.call), found.meta["epilogue"]) == ("3", ACTED[0], "There are 3.")


def test_instructions_tools_and_what_gym_says_of_success():
    data = {
        "responses_create_params": {
            "input": [message("developer", "Rules."), ASKED],
            "instructions": "Be brief.",
            "tools": [TOOL, {"type": "web_search"}, {"type": "custom", "name": "patch", "description": "Patches."}],
        },
        "response": {"output": [*ACTED, SAID, message("assistant", "")], "model": "gpt-x"},
        "reward": 1.0,
    }
    found = read(FORM, data)
    assert found.system.startswith("Be brief.\n\nRules.\n\nYou can call these functions")
    assert "shell: Runs.\nParameters:\n- command (string, optional)" in found.system
    assert "patch: Patches.\nParameters:\n- input (string, required): free text" in found.system
    assert (found.verified, found.meta["model"], found.meta["epilogue"]) == (True, "gpt-x", "There are 3.")


def test_parallel_calls_reasoning_and_words_between():
    items = [
        ASKED,
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "s1"}, {"type": "summary_text", "text": "s2"}],
        },
        message("assistant", "I ", "look."),
        call("a"),
        call("b"),
        output("b", "B"),
        output("a", "A"),
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "open"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        call("c"),
        output("c", "C"),
        ASKED,
        call("d"),
    ]
    found = read(FORM, {"items": items})
    assert [step.thought for step in found.steps] == ["s1\n\ns2\n\nI look.", None, "open", None]
    assert [parts_of(found, k) for k in range(4)] == [["A"], ["B"], ["C", "Count the files"], []]
    assert found.meta["passed_events"] == {"reasoning without text": 1}


@pytest.mark.parametrize(
    ("items", "action", "observation"),
    [
        (
            [
                {"type": "custom_tool_call", "name": "apply_patch", "input": "a\nb", "call_id": "c"},
                {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
            ],
            "<function=apply_patch>\n<parameter=input>\na\nb\n</parameter>\n</function>",
            "ok",
        ),
        (
            [
                {
                    "type": "shell_call",
                    "id": "i",
                    "call_id": "c",
                    "action": {"commands": ["ls"], "timeout_ms": None},
                    "status": "completed",
                },
                {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a", "stderr": ""}]},
            ],
            '<function=shell>\n<parameter=commands>["ls"]</parameter>\n</function>',
            '[{"stdout": "a", "stderr": ""}]',
        ),
        (
            [
                {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
                {"type": "apply_patch_call_output", "call_id": "c", "status": "completed", "output": "gone"},
            ],
            "<function=apply_patch>\n<parameter=type>delete_file</parameter>\n<parameter=path>a</parameter>\n</function>",
            "gone",
        ),
        (
            [{"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "q"}}],
            "<function=web_search>\n<parameter=type>search</parameter>\n<parameter=query>q</parameter>\n</function>",
            "",
        ),
        (
            [
                {
                    "type": "mcp_call",
                    "id": "m",
                    "name": "roll",
                    "server_label": "dice",
                    "arguments": '{"n": 2}',
                    "output": "5",
                    "error": None,
                }
            ],
            "<function=roll>\n<parameter=n>2</parameter>\n</function>",
            "5",
        ),
        (
            [
                {
                    "type": "code_interpreter_call",
                    "id": "i",
                    "code": "print(1)",
                    "container_id": "x",
                    "outputs": [{"type": "logs", "logs": "1"}],
                }
            ],
            "<function=code_interpreter>\n<parameter=code>print(1)</parameter>\n<parameter=container_id>x</parameter>\n</function>",
            '[{"type": "logs", "logs": "1"}]',
        ),
        (
            [
                {"type": "tool_search_call", "call_id": "c", "arguments": {"query": "q"}},
                {"type": "tool_search_output", "call_id": "c", "tools": [{"name": "t"}]},
            ],
            '<function=tool_search>\n<parameter=arguments>{"query": "q"}</parameter>\n</function>',
            '[{"name": "t"}]',
        ),
    ],
    ids=lambda value: value[0]["type"] if isinstance(value, list) else "",
)
def test_every_kind_of_call(items, action, observation):
    (step,) = read(FORM, {"items": [ASKED, *items]}).steps
    assert (step.action, step.observation, json.loads(step.call)) == (action, observation, items[0])


def test_screenshots_are_not_read():
    click = {"type": "computer_call", "call_id": "c", "action": {"type": "click", "x": 1, "y": 2}}
    screen = {
        "type": "computer_call_output",
        "call_id": "c",
        "output": {"type": "computer_screenshot", "image_url": "data:"},
    }
    assert reason(FORM, {"items": [ASKED, click, screen]}) == DropReason.IMAGES
    found = read(FORM, {"items": [ASKED, *ACTED, call("d"), output("d", "x"), click, screen]})
    assert [step.observation for step in found.steps] == ["3", "x", "[image]"]
    assert found.meta["passed_events"] == {"image": 1}


def test_words_to_the_user_are_steps():
    items = [
        ASKED,
        *ACTED,
        message("assistant", "There are 3. Which do you want?"),
        message("user", "a"),
        call("d"),
        output("d", "x"),
    ]
    found = read(FORM, {"items": items})
    assert [step.observation for step in found.steps] == ["3", "a", "x"]
    assert "respond" in found.steps[1].action


def test_rows_as_tables_have_them():
    empty = dict.fromkeys(
        ("role", "content", "name", "arguments", "call_id", "output", "action", "summary", "id", "status")
    )
    items = [{**empty, **each} for each in (ASKED, *ACTED, SAID)]
    found = read(FORM, {"input": items[:1], "output": items[1:], "instructions": None, "tools": None, "response": None})
    assert (len(found.steps), found.steps[0].observation, found.system) == (1, "3", None)


def test_a_problem_that_the_items_do_not_have():
    problem = {"metadata": {"problem_statement": "Count."}, "input": []}
    found = read(FORM, {"responses_create_params": problem, "response": {"output": ACTED}})
    assert (found.problem, found.meta["problem_from"]) == (
        "Count.",
        "responses_create_params.metadata.problem_statement",
    )
    with pytest.raises(
        Rejected, match=r"no words of the user before the first turn \(1 function_call, 1 function_call_output\)"
    ):
        FORM.read(row({"output": ACTED}), ReadOptions())


def test_what_cannot_be_read_is_named():
    def said(data):
        with pytest.raises(Rejected) as caught:
            FORM.read(row(data), ReadOptions())
        return str(caught.value)

    assert "without a call (2 message); bring" in said(
        {"responses_create_params": {"input": [ASKED]}, "response": {"output": [SAID]}}
    )
    assert "item 2 holds a part of type 'hologram'" in said(
        {"items": [ASKED, ACTED[0], {"role": "user", "content": [{"type": "hologram"}]}]}
    )
    assert "broken_call" in said({"items": [ASKED, {**ACTED[0], "arguments": "{"}]})
    assert "item 1 has neither type nor role, but x" in said({"items": [ASKED, {"x": 1}, *ACTED]})
    assert "missing_column" in said({})


@pytest.mark.parametrize(
    "data",
    [
        {"input": "1+1", "output": "2"},
        {"input": [{"role": "user", "content": "x"}], "output": "y"},
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
        {"history": [{"type": "tool_call", "name": "x"}]},
        {"response": '{"object": "chat.completion"}'},
    ],
)
def test_rows_of_other_forms_are_left_alone(data):
    assert not FORM.matches(row(data))


WORDS = st.text("ab\n ", min_size=1, max_size=5)


@given(
    turns=st.lists(st.lists(st.tuples(WORDS, WORDS, st.text("ab\n ", max_size=5)), min_size=1, max_size=3), max_size=4)
)
def test_thought_action_and_observation_put_together_are_the_source(turns):
    items, expected = [ASKED, *ACTED], []
    for number, calls in enumerate(turns):
        outputs = []
        for k, (said, argument, answer) in enumerate(calls):
            key = f"{number}-{k}"
            items += [message("assistant", said), call(key, x=argument)]
            outputs.append(output(key, answer))
            expected.append((said, call(key, x=argument), answer))
        items += reversed(outputs)
    found = read(FORM, {"items": items})
    assert [(step.text, json.loads(step.call), step.observation) for step in found.steps[1:]] == expected


def test_an_agent_that_greets_first_has_the_users_words_as_its_problem():
    said = [{"type": "message", "role": "assistant", "content": "Hi! How can I help?"}]
    asked = [{"type": "message", "role": "user", "content": "Cancel 7."}]
    call = {"type": "function_call", "call_id": "a", "name": "cancel", "arguments": '{"id": 7}'}
    result = {"type": "function_call_output", "call_id": "a", "output": "ok"}
    trajectory = read(FORM, {"input": [*said, *asked], "output": [call, result]})
    assert (trajectory.problem, len(trajectory.steps)) == ("Cancel 7.", 1)


def test_terminus_calls_of_a_turn_are_one_step_as_one_screen_answers_them():
    def call(number, keys):
        arguments = json.dumps({"keystrokes": keys, "duration": 0.1})
        return {"type": "function_call", "call_id": f"c{number}", "name": "bash_command", "arguments": arguments}

    def screen(i, text):
        return {"type": "function_call_output", "call_id": i, "output": text}

    done = '{"analysis": "a", "plan": "p", "commands": [], "task_complete": true}'
    items = [
        call(1, "ls\\n"),
        call(2, "pwd\\n"),
        screen("c1", "New Terminal Output: /x"),
        {"type": "message", "role": "assistant", "content": done},
        screen("none", "Are you sure?"),
        {"type": "message", "role": "assistant", "content": done},
    ]
    first, second = read(FORM, {"input": "do", "output": items}).steps
    assert first.action.count("<function=bash_command>") == 2
    assert (first.observation, second.observation) == ("New Terminal Output: /x", "Are you sure?")
    assert second.action == "<function=mark_task_complete>\n</function>"
