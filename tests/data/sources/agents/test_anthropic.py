"""Anthropic's messages: parts of every type, where rules and tools stand, and what belongs to which call."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.anthropic import FORM
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

TOOLS = [
    {
        "name": "Read",
        "description": "Reads a file.",
        "input_schema": {
            "type": "object",
            "properties": {"file_path": {"type": "string", "description": "Its path."}},
            "required": ["file_path"],
        },
    },
    {"type": "bash_20250124", "name": "bash"},
]


def use(key, name="Read", **arguments):
    return {"type": "tool_use", "id": key, "name": name, "input": arguments}


def result(key, content, **more):
    return {"type": "tool_result", "tool_use_id": key, "content": content, **more}


def text(words):
    return {"type": "text", "text": words}


def user(*parts):
    return {"role": "user", "content": list(parts)}


def assistant(*parts):
    return {"role": "assistant", "content": list(parts)}


def chat(*messages, **more):
    return {"messages": [{"role": "user", "content": "Fix the typo."}, *messages], **more}


def test_a_conversation_by_hand():
    data = chat(
        assistant(text("I look."), use("t1", file_path="/w/a")),
        user(result("t1", [text("teh "), text("end")])),
        assistant(use("t2", "Edit", old="teh", new="the"), use("t3", file_path="/w/a")),
        user(result("t3", "the end"), result("t2", "done")),
        assistant(text("Fixed.")),
        system=[text("Be brief."), text("Be kind.")],
        tools=TOOLS,
        model="claude-x",
    )
    found = read(FORM, data)
    assert registry.detect(row(data)) is FORM
    assert found.problem == "Fix the typo."
    assert [step.action for step in found.steps] == [
        "<function=Read>\n<parameter=file_path>/w/a</parameter>\n</function>",
        "<function=Edit>\n<parameter=old>teh</parameter>\n<parameter=new>the</parameter>\n</function>",
        "<function=Read>\n<parameter=file_path>/w/a</parameter>\n</function>",
    ]
    assert [step.observation for step in found.steps] == ["teh end", "done", "the end"]
    assert [step.thought for step in found.steps] == ["I look.", None, None]
    assert [json.loads(step.call) for step in found.steps] == [
        use("t1", file_path="/w/a"),
        use("t2", "Edit", old="teh", new="the"),
        use("t3", file_path="/w/a"),
    ]
    assert found.system.startswith("Be brief.\n\nBe kind.\n\nYou can call these functions")
    assert "Read: Reads a file.\nParameters:\n- file_path (string, required): Its path." in found.system
    assert "bash" not in found.system  # known to the API by its name alone
    assert {k: found.meta[k] for k in ("epilogue", "model")} == {"epilogue": "Fixed.", "model": "claude-x"}


def test_thinking_comes_first_in_the_thought_and_what_is_hidden_is_counted():
    thinking = {"type": "thinking", "thinking": "Where is it?", "signature": "x"}
    data = chat(
        assistant(thinking, text("I look."), use("a")),
        user(result("a", "out")),
        assistant({"type": "redacted_thinking", "data": "x"}, {**thinking, "thinking": ""}, use("b")),
    )
    found = read(FORM, data)
    assert [step.thought for step in found.steps] == ["Where is it?\n\nI look.", None]
    assert found.meta["passed_events"] == {"reasoning without text": 2}


def test_words_of_the_user_beside_a_result_and_its_error_flag():
    data = chat(
        assistant(use("a")), user(result("a", "no such file", is_error=True), text("Try b.")), assistant(use("b"))
    )
    found = read(FORM, data)
    assert parts_of(found, 0) == ["no such file", "Try b."]
    assert found.meta["passed_events"] == {"error flag of a result": 1}


def test_tools_that_the_server_runs_are_answered_in_the_same_message():
    found_page = {"type": "web_search_result", "title": "T", "url": "https://t", "encrypted_content": "xxx"}
    data = chat(
        assistant(
            text("I search. "),
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": [found_page]},
            text("It is "),
            text("there."),
        )
    )
    found = read(FORM, data)
    (step,) = found.steps
    assert step.action == "<function=web_search>\n<parameter=query>q</parameter>\n</function>"
    assert json.loads(step.observation) == [{"type": "web_search_result", "title": "T", "url": "https://t"}]
    assert (step.thought, step.before, found.meta["epilogue"]) == ("I search.", " ", "It is there.")


def test_a_result_that_is_json_text_stays_as_it_is():
    printed = json.dumps([text("x")])
    (step,) = read(FORM, chat(assistant(use("a")), user(result("a", printed)))).steps
    assert step.observation == printed


@pytest.mark.parametrize("content", [None, "", []])
def test_a_result_without_content_is_an_empty_observation(content):
    (step,) = read(FORM, chat(assistant(use("a")), user(result("a", content)))).steps
    assert step.observation == ""


def test_images_stand_as_markers():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "the page"}}
    data = chat(
        assistant(use("a")),
        user(result("a", [text("see "), image])),
        assistant(use("b")),
        user(result("b", [document])),
    )
    found = read(FORM, data)
    assert [step.observation for step in found.steps] == ["see [image]", "the page"]
    assert found.meta["passed_events"] == {"image": 1}
    assert reason(FORM, chat(assistant(use("a")), user(result("a", [image])))) == DropReason.IMAGES
    only = {"messages": [user(image), assistant(use("a")), user(result("a", "x"))]}
    assert reason(FORM, only) == DropReason.IMAGES


def test_rows_as_tables_have_them():
    """Every part has the columns of all parts, and content may be JSON text."""
    empty = dict.fromkeys(("text", "id", "name", "input", "tool_use_id", "content", "is_error", "thinking"))
    data = chat(
        {
            "role": "assistant",
            "content": [
                {**empty, "type": "text", "text": "I look."},
                {**empty, "type": "tool_use", "id": "a", "name": "Read", "input": {"file_path": "/a", "old": None}},
            ],
        },
        {"role": "user", "content": json.dumps([result("a", "out")])},
        {"role": "assistant", "content": json.dumps([text("Again."), use("b", file_path="/b")])},
        system=None,
        tools=None,
    )
    found = read(FORM, data)
    assert [step.thought for step in found.steps] == ["I look.", "Again."]
    assert found.steps[0].action == "<function=Read>\n<parameter=file_path>/a</parameter>\n</function>"
    assert found.steps[0].observation == "out"
    assert found.system is None


def test_a_request_with_its_response():
    messages = chat(assistant(use("a")), user(result("a", "out")))["messages"]
    request = {"model": "claude-x", "system": "Be brief.", "tools": TOOLS, "messages": messages}
    response = {"role": "assistant", "content": [text("Done.")], "stop_reason": "end_turn"}
    for data in (
        {"request": request, "response": response},
        {"request": {"body": request}, "response": {"body": response}},
    ):
        found = read(FORM, data)
        assert found.system.startswith("Be brief.\n\nYou can call")
        assert found.meta["epilogue"] == "Done."


def test_the_same_parts_in_other_spellings():
    ai_sdk = [
        {"role": "user", "content": "Do it."},
        assistant(
            {"type": "reasoning", "text": "why"},
            {"type": "tool-call", "toolCallId": "a", "toolName": "f", "args": {"x": 1}},
        ),
        {
            "role": "tool",
            "content": [
                {"type": "tool-result", "toolCallId": "a", "toolName": "f", "output": {"type": "json", "value": [1]}}
            ],
        },
    ]
    converse = [
        {"role": "user", "content": [{"text": "Do it."}]},
        assistant(
            {"reasoningContent": {"reasoningText": {"text": "why"}}},
            {"toolUse": {"toolUseId": "a", "name": "f", "input": {"x": 1}}},
        ),
        user({"toolResult": {"toolUseId": "a", "content": [{"json": [1]}], "status": "success"}}),
    ]
    for messages, observation in ((ai_sdk, "[1]"), (converse, '[{"json": [1]}]')):
        found = read(FORM, {"messages": messages})
        (step,) = found.steps
        assert (found.problem, step.thought) == ("Do it.", "why")
        assert step.action == "<function=f>\n<parameter=x>1</parameter>\n</function>"
        assert step.observation == observation


def test_what_cannot_be_read_is_named():
    with pytest.raises(Rejected, match="message 2 holds a part of type 'hologram', expected text, tool_use"):
        FORM.read(row(chat(assistant(use("a")), user({"type": "hologram"}))), ReadOptions())
    assert reason(FORM, chat(assistant(use("a", name="")))) == DropReason.BROKEN_CALL
    assert reason(FORM, chat(assistant({**use("a"), "input": [1]}))) == DropReason.BROKEN_CALL
    assert reason(FORM, {"messages": [assistant(use("a")), user(result("a", "x"))]}) == DropReason.EMPTY_PROBLEM
    assert reason(FORM, {}) == DropReason.MISSING_COLUMN


def test_chats_of_other_forms_are_left_alone():
    assert not FORM.matches(row(chat(assistant(text("x")))))
    assert not FORM.matches(row({"messages": [{"role": "user", "content": '[{"type": "text", "text": "x"}]'}]}))
    assert not FORM.matches(row({"messages": None}))


WORDS = st.text("ab\n ", max_size=5)


@given(
    turns=st.lists(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=3), min_size=1, max_size=4), last=WORDS
)
def test_thought_action_and_observation_put_together_are_the_source(turns, last):
    messages, expected = [], []
    for number, calls in enumerate(turns):
        parts, results = [], []
        for k, (said, argument, answer) in enumerate(calls):
            key = f"{number}-{k}"
            parts += [text(said), use(key, "f", x=argument)]
            results.append(result(key, answer))
            expected.append((said, use(key, "f", x=argument), answer))
        messages += [assistant(*parts), user(*reversed(results))]
    found = read(FORM, chat(*messages, assistant(text(last))))
    assert [(step.text, json.loads(step.call), step.observation) for step in found.steps] == expected
    assert found.meta.get("epilogue", "") == last
