"""Logs of Claude Code: the main line of the tree, whose words are whose, and where the first task ends."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.claude_code import FORM
from treadle.data.sources.agents.claude_code_log import main_line
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected


def text(words):
    return {"type": "text", "text": words}


def use(key, name="Read", **arguments):
    return {"type": "tool_use", "id": key, "name": name, "input": arguments}


def result(key, content="out"):
    return {"type": "tool_result", "tool_use_id": key, "content": content}


def event(kind, uuid, parent, content, message=None, **more):
    body = {"role": kind, "content": content}
    if kind == "assistant":
        body |= {"id": message or f"msg-{uuid}", "model": "claude-x", "type": "message"}
    about = {"sessionId": "s1", "cwd": "/w", "gitBranch": "main", "version": "2.1.0", "isSidechain": False}
    return {"type": kind, "uuid": uuid, "parentUuid": parent, **about, "message": body, **more}


def user(uuid, parent, content, **more):
    return event("user", uuid, parent, content, **more)


def assistant(uuid, parent, *parts, message=None, **more):
    return event("assistant", uuid, parent, list(parts), message, **more)


def session(*events):
    return {"claude_code_session": list(events)}


def chain(*events):
    """Events without place in the tree, each one the child of the one before."""
    placed, parent = [], None
    for number, each in enumerate(events):
        placed.append({**each, "uuid": f"u{number}", "parentUuid": parent})
        parent = f"u{number}"
    return session(*placed)


START = user("u1", None, "Fix the typo.")
LOOK = assistant("u2", "u1", use("t1", file_path="/w/a"))
SEEN = user("u3", "u2", [result("t1", "teh")], toolUseResult={"file": {"content": "teh"}})


def test_a_session_by_hand():
    events = [
        {"type": "summary", "summary": "A typo", "leafUuid": "u5"},
        {"type": "file-history-snapshot", "messageId": "u1", "snapshot": {}},
        START,
        assistant("u2", "u1", {"type": "thinking", "thinking": "Where?", "signature": "x"}, message="m1"),
        assistant("u3", "u2", text("I look."), message="m1"),
        assistant("u4", "u3", use("t1", file_path="/w/a"), message="m1"),
        {"type": "progress", "uuid": "p1", "parentUuid": "u4", "data": {"type": "hook_progress"}},
        user("u5", "p1", [result("t1", "teh")], toolUseResult={"file": {"content": "other"}}),
        assistant("u6", "u5", use("t2", "Edit", old="teh"), message="m2"),
        user("u7", "u6", [result("t2", [text("done")])]),
        assistant("u8", "u7", text("Fixed."), message="m3"),
        {"type": "system", "subtype": "turn_duration", "uuid": "x", "parentUuid": "u8", "durationMs": 5},
    ]
    found = read(FORM, session(*events))
    assert registry.detect(row(session(*events))) is FORM
    assert (found.id, found.problem, found.system) == ("s1", "Fix the typo.", None)
    assert [step.action for step in found.steps] == [
        "<function=Read>\n<parameter=file_path>/w/a</parameter>\n</function>",
        "<function=Edit>\n<parameter=old>teh</parameter>\n</function>",
    ]
    assert [step.observation for step in found.steps] == ["teh", "done"]
    assert found.steps[0].thought == "Where?\n\nI look."
    expected = {"model": "claude-x", "cwd": "/w", "git_branch": "main", "version": "2.1.0", "epilogue": "Fixed."}
    assert {key: found.meta[key] for key in expected} == expected
    passed = {"summary": 1, "file-history-snapshot": 1, "progress": 1, "system turn_duration": 1}
    assert found.meta["passed_events"] == passed
    assert not {"later_prompts", "later_steps"} & found.meta.keys()


@pytest.mark.parametrize("column", ["claude_code_session", "messages", "events"])
def test_a_list_of_events_is_known_in_any_column(column):
    events = [START, LOOK, SEEN]
    assert registry.detect(row({column: events})) is FORM
    assert len(read(FORM, {column: json.dumps(events)}).steps) == 1


def test_an_edited_prompt_and_a_retry_are_other_branches():
    events = [
        START,
        assistant("a1", "u1", use("x1", file_path="/wrong")),
        user("a2", "a1", [result("x1")]),
        assistant("b1", "u1", use("x2", file_path="/again")),
        user("v1", None, "Fix the other typo."),
        assistant("v2", "v1", use("y", file_path="/right")),
        user("v3", "v2", [result("y", "seen")]),
    ]
    found = read(FORM, session(*events))
    assert found.problem == "Fix the other typo."
    assert [json.loads(step.call)["id"] for step in found.steps] == ["y"]
    assert found.meta["passed_events"] == {"message of another branch": 4}


def test_results_of_parallel_calls_stand_beside_the_main_line():
    """Each line of the message is the child of the one before, each result the child of its call."""
    events = [
        START,
        assistant("a1", "u1", use("t1"), message="m"),
        assistant("a2", "a1", use("t2"), message="m"),
        assistant("a3", "a2", use("t3"), message="m"),
        user("r3", "a3", [result("t3", "3")]),
        user("r1", "a1", [result("t1", "1")]),
        user("r2", "a2", [result("t2", "2")]),
        assistant("e", "r1", text("Done.")),
    ]
    found = read(FORM, session(*events))
    assert [step.observation for step in found.steps] == ["1", "2", "3"]
    assert found.meta["epilogue"] == "Done."


def test_subagents_are_left_out_and_counted():
    side = {"isSidechain": True, "agentId": "a"}
    events = [
        START,
        assistant("u2", "u1", use("t1", "Task", prompt="look")),
        user("s1", None, "look", **side),
        assistant("s2", "s1", use("x"), **side),
        user("s3", "s2", [result("x")], **side),
        user("u3", "u2", [result("t1", "It is there.")]),
    ]
    found = read(FORM, session(*events))
    assert [step.observation for step in found.steps] == ["It is there."]
    assert found.meta["passed_events"] == {"subagent": 3}
    own = read(FORM, session(*events[2:5]))
    assert (own.problem, len(own.steps), own.meta["subagent"]) == ("look", 1, "a")


def test_a_compaction_is_bridged_and_its_summary_is_nobodys_words():
    boundary = {
        "type": "system",
        "subtype": "compact_boundary",
        "uuid": "c",
        "parentUuid": None,
        "logicalParentUuid": "u3",
    }
    summary = user("k", "c", "This session is being continued ...", isCompactSummary=True)
    events = [
        START,
        LOOK,
        SEEN,
        boundary,
        summary,
        assistant("u4", "k", use("t2")),
        user("u5", "u4", [result("t2", "x")]),
    ]
    found = read(FORM, session(*events))
    assert [step.observation for step in found.steps] == ["teh", "x"]
    assert found.meta["passed_events"] == {"system compact_boundary": 1, "summary of a compaction": 1}


def test_a_parent_that_is_missing_is_the_message_before():
    events = [START, LOOK, SEEN, assistant("u4", "gone", use("t2")), user("u5", "u4", [result("t2", "x")])]
    found = read(FORM, session(*events))
    assert len(found.steps) == 2
    assert found.meta["passed_events"] == {"parent that is not in the log": 1}


def test_a_session_that_was_taken_up_again_repeats_its_beginning():
    events = [START, LOOK, SEEN, START, LOOK, SEEN, assistant("u4", "u3", text("Fixed."))]
    found = read(FORM, session(*events))
    assert len(found.steps) == 1
    assert found.meta["passed_events"] == {"event that was logged twice": 3}


def test_the_first_task_ends_where_the_user_speaks_to_an_agent_that_stopped():
    events = [
        user("", None, "Fix the typo."),
        assistant("", None, use("t1")),
        user("", None, [result("t1", "teh"), text("In the title.")]),
        assistant("", None, use("t2")),
        user("", None, [result("t2", "done")]),
        assistant("", None, text("Fixed.")),
        user("", None, "Now write a test."),
        assistant("", None, use("t3")),
        user("", None, [result("t3")]),
        assistant("", None, text("Written.")),
        user("", None, "Thanks."),
    ]
    found = read(FORM, chain(*events))
    assert (found.problem, len(found.steps), found.meta["epilogue"]) == ("Fix the typo.", 2, "Fixed.")
    assert parts_of(found, 0) == ["teh", "In the title."]
    assert (found.meta["later_prompts"], found.meta["later_steps"]) == (2, 1)
    assert "epilogue_observation" not in found.meta


def test_a_question_before_the_first_call_belongs_to_the_task():
    events = [
        user("", None, "Sort it."),
        assistant("", None, text("Which way?")),
        user("", None, "Upwards."),
        assistant("", None, use("t1")),
        user("", None, [result("t1")]),
    ]
    found = read(FORM, chain(*events))
    assert found.problem == "Sort it."
    assert [step.observation for step in found.steps] == ["Upwards.", "out"]
    assert found.steps[0].action == "<function=respond>\n<parameter=content>Which way?</parameter>\n</function>"


def test_whose_words_stand_in_a_users_place():
    events = [
        user("", None, "<local-command-caveat>Caveat: The messages below ...</local-command-caveat>", isMeta=True),
        user("", None, "<command-name>/clear</command-name>\n<command-message>clear</command-message>"),
        user("", None, "<local-command-stdout></local-command-stdout>"),
        user("", None, [text("<ide_opened_file>a.py</ide_opened_file>"), text("Fix the typo.")]),
        assistant("", None, use("t1")),
        user("", None, [result("t1", "teh"), text("<system-reminder>hook</system-reminder>")]),
        user("", None, "The skill's text", isMeta=True),
        assistant("", None, text("Fixed.")),
        user("", None, "Stop hook feedback: tests fail", isMeta=True),
        assistant("", None, use("t2")),
        user("", None, [result("t2", "done")]),
        {**assistant("", None, text("API Error: 529")), "isApiErrorMessage": True},
        user("", None, "shown", isVisibleInTranscriptOnly=True),
    ]
    found = read(FORM, chain(*events))
    assert found.problem == "Fix the typo."
    assert parts_of(found, 0) == ["teh", "<system-reminder>hook</system-reminder>", "The skill's text"]
    assert found.meta["talk"] == [[1, "Fixed.", "Stop hook feedback: tests fail"]]
    assert [step.observation for step in found.steps][1] == "done"
    assert found.meta["passed_events"] == {
        "local command": 3,
        "message of Claude Code in the model's place": 1,
        "shown in the transcript only": 1,
    }


def test_a_command_that_became_a_prompt_is_the_problem():
    command = "<command-message>review</command-message>\n<command-name>/review</command-name>"
    events = [
        user("", None, command),
        user("", None, [text("Review pull request 12.")], isMeta=True),
        assistant("", None, use("t1")),
        user("", None, [result("t1")]),
    ]
    assert read(FORM, chain(*events)).problem == f"{command}\n\nReview pull request 12."


def test_words_that_the_user_queued_reach_the_agent_at_work():
    def attached(**attachment):
        return {"type": "attachment", "sessionId": "s1", "attachment": attachment}

    events = [
        user("", None, "Fix it."),
        assistant("", None, use("t1")),
        user("", None, [result("t1", "out")]),
        attached(type="queued_command", prompt="and the tests", commandMode="prompt"),
        attached(
            type="queued_command", prompt="<task-notification>x</task-notification>", commandMode="task-notification"
        ),
        attached(type="todo_reminder", content=[]),
        assistant("", None, use("t2")),
    ]
    found = read(FORM, chain(*events))
    assert parts_of(found, 0) == ["out", "and the tests", "<task-notification>x</task-notification>"]
    assert found.meta["passed_events"] == {"attachment todo_reminder": 1}


def test_the_stream_of_print_mode_has_no_tree():
    def streamed(kind, content, parent=None):
        return {
            "type": kind,
            "message": {"role": kind, "content": content},
            "parent_tool_use_id": parent,
            "session_id": "s2",
        }

    events = [
        {"type": "system", "subtype": "init", "session_id": "s2", "tools": ["Read"]},
        streamed("user", "Fix it."),
        streamed("assistant", [use("t1", "Task")]),
        streamed("assistant", [use("x")], "t1"),
        streamed("user", [result("t1")]),
        {"type": "result", "subtype": "success", "result": "Done.", "session_id": "s2"},
    ]
    found = read(FORM, session(*events))
    assert (found.id, found.problem, len(found.steps)) == ("s2", "Fix it.", 1)
    assert found.meta["passed_events"] == {"subagent": 1, "system init": 1, "result success": 1}
    without = session(events[0], *events[2:])
    with pytest.raises(
        Rejected, match="empty_problem: no words of the user before the first turn, as in what print mode"
    ):
        FORM.read(row(without), ReadOptions())
    found = read(FORM, {**without, "prompt": "Fix it."})
    assert (found.problem, found.meta["problem_from"]) == ("Fix it.", "prompt")


def test_rows_as_tables_have_them():
    """All events have the columns of all, and content is JSON text where it is not text everywhere."""
    empty = dict.fromkeys(
        ("message", "isMeta", "isSidechain", "toolUseResult", "subtype", "summary", "isCompactSummary")
    )
    events = [
        {**empty, "type": "summary", "uuid": None, "parentUuid": None, "summary": "x"},
        *(
            {**empty, **each, "message": {**each["message"], "content": json.dumps(each["message"]["content"])}}
            for each in (LOOK, SEEN)
        ),
    ]
    events.insert(1, {**empty, **START})
    found = read(FORM, session(*events))
    assert (found.problem, [step.observation for step in found.steps]) == ("Fix the typo.", ["teh"])


@pytest.mark.parametrize(
    "write",
    [
        lambda events: "\n".join(map(json.dumps, events)) + "\n",
        lambda events: list(map(json.dumps, events)),
        lambda events: [{**each, "message": json.dumps(each["message"])} for each in events],
    ],
    ids=["the file", "lines", "messages"],
)
def test_a_log_in_a_column_of_text(write):
    data = {"claude_code_session": write([START, LOOK, SEEN])}
    assert [step.observation for step in read(FORM, data).steps] == ["teh"]


def test_lines_on_their_own_and_sessions_without_calls_say_what_they_are():
    for line in (START, LOOK, {"type": "summary", "summary": "x", "leafUuid": "u"}):
        with pytest.raises(
            Rejected, match="no_trajectory: one line of a Claude Code session; bring the session's own file"
        ):
            registry.detect(row(line)).read(row(line), ReadOptions())
    assert reason(FORM, session(START)) == DropReason.NO_ACTIONS
    assert reason(FORM, session(START, assistant("u2", "u1", text("Hello.")))) == DropReason.NO_ACTIONS
    assert reason(FORM, session(START, "line")) == DropReason.MALFORMED
    assert reason(FORM, {}) == DropReason.MISSING_COLUMN
    assert not FORM.matches(row({"type": "user", "message": "hello"}))


@given(data=st.data())
def test_the_main_line_is_the_way_from_the_last_message_to_the_beginning(data):
    """Against a walk over the tree by hand, for trees of messages without parallel calls."""
    parents = {}
    events = []
    for number in range(data.draw(st.integers(1, 12))):
        parent = data.draw(st.sampled_from([None, *parents]))
        parents[f"u{number}"] = parent
        kind = data.draw(st.sampled_from(["user", "assistant"]))
        events.append(event(kind, f"u{number}", parent, [text("x")]))
    events.append(assistant("last", data.draw(st.sampled_from(list(parents))), text("end")))
    expected, at = ["last"], events[-1]["parentUuid"]
    while at is not None:
        expected.append(at)
        at = parents[at]
    kept, passed = main_line(events)
    assert [each["uuid"] for each in kept] == expected[::-1]
    assert sum(passed.values()) == len(events) - len(kept)


def test_a_log_in_which_no_event_names_a_parent_is_read_in_order():
    events = [
        user("a", None, "List the files."),
        assistant("b", None, text("I look."), use("1", "Bash", command="ls")),
        user("c", None, [result("1", "a.py")]),
        assistant("d", None, text("There is a.py.")),
    ]
    trajectory = read(FORM, session(*events))
    assert (trajectory.problem, trajectory.meta["epilogue"]) == ("List the files.", "There is a.py.")
    assert [step.observation for step in trajectory.steps] == ["a.py"]
