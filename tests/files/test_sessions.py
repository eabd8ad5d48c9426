"""Logs whose lines are one session are one row; lines that are rows stay rows."""

from __future__ import annotations

import json

import pytest

from tests.files.test_reading import bad, good, read


def turn(session, parent, uuid, role="user", content="x"):
    message = {"role": role, "content": content}
    return {"type": role, "sessionId": session, "uuid": uuid, "parentUuid": parent, "message": message}


CLAUDE = [
    {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}, "isSnapshotUpdate": False},
    {"type": "summary", "summary": "s", "leafUuid": "3"},
    turn("a", None, "1"),
    {**turn("a", "1", "2", "assistant", [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}])},
    {"type": "system", "subtype": "compact_boundary", "sessionId": "a", "uuid": "4", "parentUuid": None},
    turn("a", None, "5"),
]
STREAM = [
    {"type": "system", "subtype": "init", "session_id": "a", "tools": ["Bash"]},
    {"type": "assistant", "session_id": "a", "message": {"role": "assistant", "content": []}},
    {"type": "result", "subtype": "success", "result": "done", "session_id": "a"},
]
FLAT = [
    {"id": "1", "timestamp": "t", "instructions": None, "git": {"branch": "main"}},
    {"record_type": "state"},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]},
    {"type": "reasoning", "summary": []},
    {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c"},
    {"type": "function_call_output", "call_id": "c", "output": "x"},
]
ROLLOUT = [
    {"timestamp": "t", "type": "session_meta", "payload": {"id": "1", "cwd": "/w"}},
    {"timestamp": "t", "type": "response_item", "payload": {"type": "message", "role": "user", "content": []}},
    {"timestamp": "t", "type": "event_msg", "payload": {"type": "token_count"}},
    {"timestamp": "t", "type": "turn_context", "payload": {"cwd": "/w"}},
]
EXEC = [{"type": "thread.started", "thread_id": "1"}, {"type": "item.completed", "item": {"type": "agent_message"}}]
CHAT = [{"role": "user", "content": "a"}, {"role": "_usage", "token_count": 1}, {"role": "assistant", "content": "b"}]
HANDS = [{"source": "user", "action": "message", "args": {}}, {"source": "agent", "observation": "run", "content": ""}]


def write(path, lines):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("column", "lines"),
    [
        ("claude_code_session", CLAUDE),
        ("claude_code_session", CLAUDE[:2]),
        ("claude_code_session", CLAUDE[2:3]),
        ("claude_code_session", STREAM),
        ("codex_session", FLAT),
        ("codex_session", ROLLOUT),
        ("codex_session", ROLLOUT[:1]),
        ("codex_session", EXEC),
        ("messages", FLAT[2:]),
        ("messages", CHAT),
        ("history", HANDS),
    ],
)
def test_a_file_whose_lines_are_one_session_is_one_row(tmp_path, column, lines):
    path = write(tmp_path / "a.jsonl", lines)
    assert good(path) == [{column: lines}]
    (row,) = read(path)
    assert row.where == f"{path}, row 1"


@pytest.mark.parametrize(("column", "entries"), [("claude_code_session", CLAUDE), ("codex_session", ROLLOUT)])
def test_so_is_an_array_of_the_lines(tmp_path, column, entries):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(entries, indent=1))
    assert good(path) == [{column: entries}]


def test_each_file_of_a_folder_is_a_row(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, CLAUDE)
    assert good(tmp_path) == [{"claude_code_session": CLAUDE}] * 2


def test_joined_logs_are_parted_where_another_session_begins(tmp_path):
    other = [turn("b", None, "1"), turn("b", "1", "2")]
    path = write(tmp_path / "a.jsonl", [*CLAUDE, *other])
    assert good(path) == [{"claude_code_session": CLAUDE}, {"claude_code_session": other}]
    resumed = [turn("b", "5", "6")]
    assert good(write(tmp_path / "b.jsonl", [*CLAUDE, *resumed])) == [{"claude_code_session": [*CLAUDE, *resumed]}]


def test_a_last_line_that_is_cut_off_is_counted_beside_its_session(tmp_path):
    path = write(tmp_path / "a.jsonl", [*CLAUDE, '{"type": "user", "mess'])
    assert good(path) == [{"claude_code_session": CLAUDE}]
    ((where, reason, detail),) = bad(path)
    assert (where, reason) == (f"{path}, row 2", "unreadable_json")
    assert detail.startswith("line 7, the last one of the session: ")


def test_any_other_line_that_cannot_be_read_spoils_its_session(tmp_path):
    path = write(tmp_path / "a.jsonl", [*CLAUDE[:3], '{"type"', *CLAUDE[3:]])
    assert good(path) == []
    ((_, reason, detail),) = bad(path)
    assert reason == "unreadable_json"
    assert detail.startswith("line 4 of the session: ")


def test_a_session_above_the_limit_is_not_held(tmp_path):
    path = write(tmp_path / "a.jsonl", [turn("a", None, str(i), content="x" * 1000) for i in range(100)])
    ((_, reason, detail),) = bad(path, max_row_mb=0.05)
    assert (reason, detail) == ("row_too_large", "0.1 MB, the limit is 0.05 MB")


@pytest.mark.parametrize(
    "lines",
    [
        [{"type": "Algebra", "problem": "p", "solution": "s"}] * 2,
        [{"type": "chat", "sessionId": "a", "messages": [{"role": "user", "content": "x"}]}] * 2,
        [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}],
        [{"role": "user", "messages": []}, {"role": "assistant", "messages": []}],
        [{"id": "1", "instructions": "do", "output": "x"}, {"id": "2", "instructions": "do", "output": "y"}],
        [{"source": "web", "text": "x"}, {"source": "web", "text": "y"}],
    ],
)
def test_lines_that_are_rows_stay_rows(tmp_path, lines):
    assert good(write(tmp_path / "a.jsonl", lines)) == lines
