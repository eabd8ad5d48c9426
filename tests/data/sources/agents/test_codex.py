"""Logs of Codex, with payloads and flat: whose words are whose, what is told twice, and where the first task ends."""

from __future__ import annotations

import json

import pytest

from tests.data.sources.agent_samples import parts_of, read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.codex import FORM
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

META = {
    "id": "c1",
    "timestamp": "2025-10-29T00:59:38Z",
    "cwd": "/w",
    "cli_version": "0.46.0",
    "instructions": "Be brief.",
    "git": {"branch": "main", "repository_url": "git@github.com:owner/name.git"},
}
CONTEXT = "<environment_context>\n  <cwd>/w</cwd>\n</environment_context>"


def message(role, words):
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": words}]}


def shell(key, command):
    return {
        "type": "function_call",
        "name": "shell",
        "arguments": json.dumps({"command": ["bash", "-lc", command]}),
        "call_id": key,
    }


def output(key, text, kind="function_call"):
    return {"type": f"{kind}_output", "call_id": key, "output": text}


def thought(words):
    return {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": words}],
        "content": None,
        "encrypted_content": "x",
    }


def line(kind, payload):
    return {"timestamp": "2025-10-29T00:59:38Z", "type": kind, "payload": payload}


def item(payload):
    return line("response_item", payload)


def told(kind, **more):
    return line("event_msg", {"type": kind, **more})


def session(*lines):
    return {"codex_session": [line("session_meta", META), *lines]}


PATCH = "*** Begin Patch\n*** Update File: a\n@@\n-teh\n+the\n*** End Patch"


def test_a_session_by_hand():
    data = session(
        item(message("developer", "<permissions instructions>read only</permissions instructions>")),
        item(message("user", CONTEXT)),
        item(message("user", "Fix the typo.")),
        told("user_message", message="Fix the typo."),
        line("turn_context", {"cwd": "/w", "model": "gpt-x"}),
        told("agent_reasoning", text="**Looking**"),
        item(thought("**Looking**")),
        item(shell("a", "cat a")),
        told("token_count", info=None),
        item(output("a", '{"output": "teh", "metadata": {"exit_code": 0}}')),
        item(
            {"type": "custom_tool_call", "name": "apply_patch", "input": PATCH, "call_id": "b", "status": "completed"}
        ),
        item(output("b", "Success.", "custom_tool_call")),
        told("agent_message", message="Fixed."),
        item(message("assistant", "Fixed.")),
    )
    found = read(FORM, data)
    assert registry.detect(row(data)) is FORM
    assert (found.id, found.problem, found.repo) == ("c1", "Fix the typo.", "owner/name")
    assert [step.action for step in found.steps] == [
        '<function=shell>\n<parameter=command>["bash", "-lc", "cat a"]</parameter>\n</function>',
        f"<function=apply_patch>\n<parameter=input>\n{PATCH}\n</parameter>\n</function>",
    ]
    assert [step.observation for step in found.steps] == ['{"output": "teh", "metadata": {"exit_code": 0}}', "Success."]
    assert found.steps[0].thought == "**Looking**"
    assert json.loads(found.steps[0].call) == shell("a", "cat a")
    assert found.system == f"Be brief.\n\n<permissions instructions>read only</permissions instructions>\n\n{CONTEXT}"
    expected = {"model": "gpt-x", "cwd": "/w", "git_branch": "main", "version": "0.46.0", "epilogue": "Fixed."}
    assert {key: found.meta[key] for key in expected} == expected
    assert found.meta["passed_events"] == {
        "event_msg user_message": 1,
        "event_msg agent_reasoning": 1,
        "event_msg token_count": 1,
        "event_msg agent_message": 1,
    }


def test_a_flat_log():
    data = {
        "codex_session": [
            META,
            {"record_type": "state"},
            message("user", "<user_instructions>\n\nBe brief.\n\n</user_instructions>"),
            message("user", "Count."),
            {
                "type": "local_shell_call",
                "id": "x",
                "call_id": "a",
                "status": "completed",
                "action": {"type": "exec", "command": ["ls"], "env": None},
            },
            output("a", "3", "local_shell_call"),
        ]
    }
    found = read(FORM, data)
    assert (found.id, found.problem) == ("c1", "Count.")
    assert found.system == "<user_instructions>\n\nBe brief.\n\n</user_instructions>"  # which repeats the first line
    assert found.steps[0].action == (
        '<function=local_shell>\n<parameter=type>exec</parameter>\n<parameter=command>["ls"]</parameter>\n</function>'
    )
    assert found.meta["passed_events"] == {"state": 1}
    assert FORM.matches(row({"events": data["codex_session"]}))


def test_the_users_own_tags_are_told_from_those_of_codex():
    task = "<task>Fix the typo.</task>"
    call = (item(shell("a", "ls")), item(output("a", "x")))
    found = read(
        FORM,
        session(
            item(message("user", "<new_context>y</new_context>")),
            item(message("user", task)),
            told("user_message", message=task),
            *call,
        ),
    )
    assert (found.problem, found.system) == (task, "Be brief.\n\n<new_context>y</new_context>")
    assert read(FORM, session(item(message("user", task)), *call)).problem == task


def test_the_first_task_ends_where_the_user_speaks_to_an_agent_that_stopped():
    found = read(
        FORM,
        session(
            item(message("user", "Fix the typo.")),
            item(shell("a", "ls")),
            item(output("a", "x")),
            item(message("user", "In the title.")),
            item(shell("b", "ls")),
            item(output("b", "y")),
            item(message("assistant", "Fixed.")),
            item(message("user", CONTEXT)),
            item(message("user", "Now a test.")),
            item(shell("c", "ls")),
            item(output("c", "z")),
        ),
    )
    assert [parts_of(found, k) for k in range(2)] == [["x", "In the title."], ["y"]]
    assert (found.meta["epilogue"], found.meta["later_prompts"], found.meta["later_steps"]) == ("Fixed.", 1, 1)


def test_turns_that_the_user_took_back_are_left_out():
    found = read(
        FORM,
        session(
            item(message("user", "Fix the typo.")),
            item(shell("a", "rm -r /")),
            item(output("a", "x")),
            told("thread_rolled_back", num_turns=1),
            item(message("user", "Fix the typo in a.")),
            item(shell("b", "ls")),
            item(output("b", "y")),
        ),
    )
    assert (found.problem, len(found.steps)) == ("Fix the typo in a.", 1)
    assert found.meta["passed_events"] == {"turn of the user that was taken back": 1}


def test_a_compaction_does_not_end_the_task():
    found = read(
        FORM,
        session(
            item(message("user", "Fix it.")),
            item(shell("a", "ls")),
            item(output("a", {"content": "x", "success": True})),
            line("compacted", {"message": "a summary", "replacement_history": []}),
            item({"type": "ghost_snapshot", "ghost_commit": {}}),
            item(shell("b", "ls")),
            item(output("b", [{"type": "input_text", "text": "y"}])),
        ),
    )
    assert [step.observation for step in found.steps] == ["x", "y"]
    assert found.meta["passed_events"] == {"compacted": 1, "ghost_snapshot": 1}


def test_a_log_in_a_column_of_text():
    lines = session(item(message("user", "x")), item(shell("a", "ls")), item(output("a", "y")))["codex_session"]
    texts = [{**each, "payload": json.dumps(each["payload"])} for each in lines]
    for log in ("\n".join(map(json.dumps, lines)), list(map(json.dumps, lines)), texts):
        assert [step.observation for step in read(FORM, {"codex_session": log}).steps] == ["y"]


def test_lines_on_their_own_and_sessions_without_calls_say_what_they_are():
    lone = item(message("user", "x"))
    with pytest.raises(Rejected, match="no_trajectory: one line of a Codex session; bring the session's own file"):
        registry.detect(row(lone)).read(row(lone), ReadOptions())
    assert reason(FORM, session(item(message("user", "x")), item(message("assistant", "y")))) == DropReason.NO_ACTIONS
    assert reason(FORM, session("line")) == DropReason.MALFORMED
    assert reason(FORM, {}) == DropReason.MISSING_COLUMN
    printed = {"codex_session": [{"type": "thread.started", "thread_id": "x"}, {"type": "item.completed", "item": {}}]}
    assert reason(FORM, printed) == DropReason.EMPTY_PROBLEM
