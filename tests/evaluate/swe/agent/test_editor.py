import json
import os
from pathlib import Path

import pytest

from treadle.evaluate.swe.agent.editor import Editor
from treadle.evaluate.swe.agent.prompts import parse_call
from treadle.evaluate.swe.agent.tools import framed

DATA = Path(os.environ.get("TREADLE_DATA", "/nowhere")) / "trajectories/swe_smith_xml.jsonl"


@pytest.fixture
def editor(tmp_path):
    root = tmp_path / "repo"
    root.mkdir()
    (root / "a.py").write_text("".join(f"x{i} = {i}\n" for i in range(1, 21)))
    (root / "pkg").mkdir()
    (root / "pkg/b.py").write_text("pass\n")
    (root / ".hidden").write_text("")
    return Editor(root, "/testbed")


def call(editor, command, path, **more):
    return editor({"command": command, "path": path, **{k: str(v) for k, v in more.items()}})


def test_answers_are_those_of_real_trajectories_to_the_letter(tmp_path):
    """Files that an agent made are known in full, so that what it then saw of them can be made again."""
    if not DATA.is_file():
        pytest.skip("needs TREADLE_DATA")
    seen = []
    for number, line in enumerate(DATA.read_text().splitlines()):
        root = tmp_path / str(number)
        root.mkdir()
        editor, made = Editor(root, "/testbed"), set()
        messages = json.loads(line)["messages"]
        for turn, answer in zip(messages[2::2], messages[3::2], strict=False):
            found = parse_call(turn["content"])
            arguments = getattr(found, "arguments", {})
            if found.name != "str_replace_editor":
                continue
            if arguments["command"] == "create":
                made.add(arguments["path"])
            if arguments["path"] in made:
                assert framed(editor(arguments), 100_000) == answer["content"].replace("\r\n", "\n")
                seen.append(arguments["command"])
    assert seen.count("create") > 5
    assert seen.count("str_replace") > 3


def test_view_numbers_lines_as_cat_does(editor):
    shown = call(editor, "view", "/testbed/a.py", view_range="[3, 4]")
    assert shown == "Here's the result of running `cat -n` on /testbed/a.py:\n     3\tx3 = 3\n     4\tx4 = 4\n"
    assert call(editor, "view", "/testbed/a.py", view_range="[20, -1]").endswith("    20\tx20 = 20\n    21\t\n")


def test_view_of_a_folder_leaves_out_what_is_hidden(editor):
    assert call(editor, "view", "/testbed").splitlines()[1:] == [
        "/testbed",
        "/testbed/a.py",
        "/testbed/pkg",
        "/testbed/pkg/b.py",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[0, 3]", "should be within the range of lines of the file: [1, 21]"),
        ("[5, 2]", "should be larger or equal than its first"),
        ("five", "It should be a list of two integers"),
        ("[1, 2, 3]", "It should be a list of two integers"),
        ("[true, 2]", "It should be a list of two integers"),
        ("[" * 9000, "It should be a list of two integers"),
    ],
)
def test_a_view_range_that_is_none_is_said(editor, given, said):
    assert said in call(editor, "view", "/testbed/a.py", view_range=given)


def test_str_replace_wants_exactly_one_place(editor):
    (editor.root / "c.py").write_text("a\nb\na\n")
    assert "did not appear verbatim in /testbed/c.py" in call(
        editor, "str_replace", "/testbed/c.py", old_str="z", new_str="y"
    )
    assert "in lines [1, 3]. Please ensure it is unique" in call(
        editor, "str_replace", "/testbed/c.py", old_str="a", new_str="y"
    )
    assert "is the same as new_str" in call(editor, "str_replace", "/testbed/c.py", old_str="b", new_str="b")
    assert "`old_str` is empty" in call(editor, "str_replace", "/testbed/c.py", old_str="", new_str="b")
    assert (editor.root / "c.py").read_text() == "a\nb\na\n"
    call(editor, "str_replace", "/testbed/c.py", old_str="b\n")
    assert (editor.root / "c.py").read_text() == "a\na\n"


def test_insert_undo_and_undo_of_create(editor):
    before = (editor.root / "a.py").read_text()
    shown = call(editor, "insert", "/testbed/a.py", insert_line=2, new_str="new = 1")
    assert "     3\tnew = 1\n     4\tx3 = 3" in shown
    assert (editor.root / "a.py").read_text().split("\n")[2] == "new = 1"
    assert "range of lines of the file: [0, 22]" in call(
        editor, "insert", "/testbed/a.py", insert_line=99, new_str="new = 1"
    )
    assert "undone successfully" in call(editor, "undo_edit", "/testbed/a.py")
    assert (editor.root / "a.py").read_text() == before
    assert "No edit history" in call(editor, "undo_edit", "/testbed/a.py")
    call(editor, "create", "/testbed/new/d.py", file_text="1\n")
    call(editor, "undo_edit", "/testbed/new/d.py")
    assert not (editor.root / "new/d.py").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "Parameter `command` is required"),
        ({"command": "delete", "path": "/testbed/a.py"}, "Unrecognized command delete"),
        ({"command": "view"}, "Parameter `path` is required for command: view"),
        ({"command": "view", "path": "a.py"}, "Maybe you meant /testbed/a.py?"),
        ({"command": "view", "path": "/testbed/no.py"}, "does not exist"),
        ({"command": "create", "path": "/testbed/a.py", "file_text": ""}, "Cannot overwrite files"),
        ({"command": "create", "path": "/testbed/q.py"}, "Parameter `file_text` is required for command: create"),
        ({"command": "str_replace", "path": "/testbed", "old_str": "x"}, "only the `view` command"),
        ({"command": "create", "path": "/testbed/a.py/b.py", "file_text": ""}, "Ran into"),
        ({"command": "view", "path": "/testbed/\0"}, "outside of /testbed"),
    ],
)
def test_a_call_that_cannot_be_carried_out_is_answered(editor, arguments, said):
    assert said in editor(arguments)


@pytest.mark.parametrize("path", ["/etc/passwd", "/testbed/../etc/passwd", "/testbedder/x", "/testbed/out", "/tmp/x"])
def test_nothing_outside_of_the_checkout_is_shown_or_written(editor, path):
    (editor.root / "out").symlink_to("/etc/passwd")
    for command, more in (("view", {}), ("create", {"file_text": "x"}), ("str_replace", {"old_str": "root"})):
        assert "outside of /testbed" in call(editor, command, path, **more)


def test_a_pipe_and_a_file_that_is_no_text_are_not_waited_for(editor):
    os.mkfifo(editor.root / "pipe")
    (editor.root / "binary").write_bytes(b"\xff\xfe")
    for name in ("pipe", "binary"):
        assert "not a text file" in call(editor, "view", f"/testbed/{name}")


def test_a_long_file_is_clipped_and_said_to_be(editor):
    (editor.root / "long.py").write_text("x = 1\n" * 10_000)
    shown = call(editor, "view", "/testbed/long.py")
    assert "<response clipped>" in shown
    assert len(shown) < 60_000


@pytest.mark.parametrize("number", ["--5", "-", "1.5", "", "9" * 30, "\u00b2"])
def test_a_line_that_is_no_number_is_answered(editor, number):
    assert "Invalid `insert_line`" in call(editor, "insert", "/testbed/a.py", insert_line=number, new_str="x")
