"""Tool, command and file of agents' steps, in the forms that agents write; expected values by hand."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.scoring.calls import call_text
from treadle.scoring.step_actions import called, calls_in, described, named_keys, same


def block(command, label="bash"):
    return f"```{label}\n{command}\n```"


@pytest.mark.parametrize(
    ("action", "tool", "command", "path"),
    [
        (
            call_text("bash", {"command": "cd /testbed && grep -n 'a/b' src/x.py | head"}),
            "bash",
            "grep",
            "/testbed/src/x.py",
        ),
        (call_text("execute_bash", {"command": "ls -la"}), "execute_bash", "ls", None),
        (
            call_text("str_replace_editor", {"command": "view", "path": "/t/./a.py"}),
            "str_replace_editor",
            "view",
            "/t/a.py",
        ),
        (call_text("read_file", {"file_path": "a/b.py", "limit": 3}), "read_file", "", "a/b.py"),
        (call_text("execute_ipython_cell", {"code": "open('x/y.py')"}), "execute_ipython_cell", "", None),
        (call_text("finish", {}), "finish", "", None),
        (
            "I look.\n" + call_text("bash", {"command": "ls"}) + call_text("bash", {"command": "pwd"}),
            "bash",
            "ls",
            None,
        ),
        (
            '<tool_call>\n{"name": "read_file", "arguments": {"path": "a/b.py"}}\n</tool_call>',
            "read_file",
            "",
            "a/b.py",
        ),
        ('{"function": {"name": "bash", "arguments": "{\\"command\\": \\"cat m/f.py\\"}"}}', "bash", "cat", "m/f.py"),
        ('[TOOL_CALLS] [{"name": "open", "parameters": {"filename": "x.py"}}]', "open", "", "x.py"),
        (block("sed -n 1,20p ./src/a.py"), "sed", "", "src/a.py"),
        (
            "THOUGHT: see\n" + block("cat > foo.py <<'EOF'\nopen('bar.py')\nEOF", "mswea_bash_command"),
            "cat",
            "",
            "foo.py",
        ),
        (block("ls a/b") + "\nor rather\n" + block("ls c/d"), "ls", "", "c/d"),
        ("<execute_bash>ls -F lib/</execute_bash>", "ls", "", "lib"),
        ("cat tests/missing_colon.py", "cat", "", "tests/missing_colon.py"),
        ("cd tests", "cd", "", "tests"),
        ("cd a\nls b/c", "ls", "", "a/b/c"),
        ("sed -i 's/a/b/' m/f.py", "sed", "", "m/f.py"),
        ("grep -rn 'class Foo' src/", "grep", "", "src"),
        ("grep -e x/y z.py", "grep", "", "z.py"),
        ('find /testbed -type f -name "*.py" | xargs grep x', "find", "", "/testbed"),
        ("sudo timeout 10 ./bin/check a/b.py", "check", "", "a/b.py"),
        ("timeout 10 python -m pytest tests/test_a.py -q", "python", "", "tests/test_a.py"),
        ('PYTHONPATH=. python -c "import a/b; print(1)"', "python", "", None),
        ("/usr/bin/python3 run.py > out.txt 2>&1", "python3", "", "run.py"),
        ("echo hi > notes.md", "echo", "", "notes.md"),
        ("edit 5:5\nimport plumbum.cli as cli\nend_of_edit", "edit", "", None),
        ('find_file "image.py" plumbum', "find_file", "", "image.py"),
        ("git diff HEAD~1 -- src/a.py", "git", "", "src/a.py"),
        ("curl https://example.org/x.tar.gz", "curl", "", None),
        (block("print(1)", "python"), "python", "", None),
    ],
)
def test_what_a_step_calls(action, tool, command, path):
    found = called(action)
    assert found is not None
    assert found[:3] == (tool, command, path)


@pytest.mark.parametrize(
    "action", ["", "   ", "In May she sold 24 clips.", "```\nx = 1\n```", "<function=>", "{broken"]
)
def test_texts_of_mathematics_call_nothing(action):
    assert called(action, bare=False) is None


NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


@given(NAMES, st.from_regex(r"(?:[a-z]{1,6}/){0,3}[a-z]{1,6}\.py", fullmatch=True), st.text(max_size=40))
def test_a_rendered_call_gives_its_name_and_path_back(name, path, other):
    found = called(call_text(name, {"path": path, "text": other.replace("<", "")}))
    assert (found.tool, found.path) == (name, path)


@given(st.text(max_size=80))
def test_any_text_is_read(text):
    called(text)
    called(f"```bash\n{text}\n```", bare=False)


@pytest.mark.parametrize(
    "text", ["<parameter=a>" * 3000, "```\n" * 9000, '"a' * 15_000, "<tool_call>{" * 3000, "x/" * 2_000_000]
)
def test_long_texts_take_no_time(text):
    started = time.monotonic()
    called(text)
    assert time.monotonic() - started < 3


def test_all_calls_of_a_step():
    two = call_text("bash", {"command": "ls"}) + "\n" + call_text("view", {"path": "a.py"})
    assert [(call.name, call.arguments) for call in calls_in(two)] == [
        ("bash", (("command", "ls"),)),
        ("view", (("path", "a.py"),)),
    ]
    (command,) = calls_in("```bash\nsed -n 1,2p a.py\n```")
    assert command == ("sed", (("", "sed -n 1,2p a.py"),), "sed -n 1,2p a.py")
    assert command.is_command
    (long,) = calls_in(call_text("create", {"path": "a.py", "text": "x" * 50_000}))
    assert len(dict(long.arguments)["text"]) == 50_000
    assert calls_in("  ") == calls_in("Two pens.", bare=False) == []


@pytest.mark.parametrize(
    "action",
    [
        call_text("bash", {"command": "cd /t && grep -n x a.py"}),
        call_text("str_replace_editor", {"command": "view", "path": "/t/a.py"}),
        "cd /t\ngrep -n x a.py",
        block("open('x.py')", "python"),
    ],
)
def test_a_call_is_described_as_its_step_is(action):
    (call,) = calls_in(action)
    assert described(call)[:3] == called(action)[:3]


@pytest.mark.parametrize(
    ("action", "keys"),
    [
        (
            call_text("str_replace_editor", {"command": "view", "path": "/t/a.py", "view_range": [1, 2]}),
            {"command", "path"},
        ),
        (call_text("bash", {"command": "ls"}), set()),
        (call_text("edit", {"path": "a.py", "code": "x = 1"}), {"path"}),
        ("ls a", set()),
    ],
)
def test_keys_that_tool_and_file_are_read_from(action, keys):
    (call,) = calls_in(action)
    assert named_keys(call) == keys


def test_the_same_action():
    ls = called(block("ls a"))
    assert same(called("ls a"), ls)
    assert not same(called("ls b"), ls)
    assert not same(None, ls)
