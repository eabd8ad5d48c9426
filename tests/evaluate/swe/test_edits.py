"""Answers of models as edits: found once or a fault, with the block's number."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluate.swe.edits import apply_edits
from treadle.evaluate.swe.patches import LIMIT, TreeFiles, diff_of

CODE = "def one(x):\n    return x + 1\n\n\ndef two(x):\n    return x + 2\n"
FILES = {"src/m.py": CODE, "Makefile": "all:\n\techo\n", "docs/h.rst": "History\n=======\n\nOld.\n"}


def block(search, replace, path="### src/m.py\n"):
    return f"{path}<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


ONE = block("    return x + 1\n", "    return x - 1\n")
MENDED = CODE.replace("x + 1", "x - 1")


@pytest.mark.parametrize(
    "answer",
    [
        ONE,
        f"The bug is in `one`.\n\n```python\n{ONE}```\nDone.",
        ONE.replace("### src/m.py\n", "### src/m.py\n```python\n") + "```\n",
        ONE.replace("### src/m.py\n", "src/m.py\n\n```\n"),
        ONE.replace("### src/m.py\n", "`src/m.py`:\n"),
        ONE.replace("### src/m.py\n", "**src/m.py**\n"),
        ONE.replace("### src/m.py\n", "File: ./src/m.py\n"),
        ONE.replace("### src/m.py\n", "```src/m.py\n") + "```\n",
        ONE.replace("### src/m.py\n", "### src/m.py\nThis line is wrong:\n"),
        ONE.replace("\n", "\r\n"),
        ONE.replace("<<<<<<< SEARCH", "<<<<<< SEARCH").replace(">>>>>>> REPLACE", ">>>>>> REPLACE  "),
        ONE.replace("=======", "======"),
        ONE.removesuffix("\n"),
    ],
)
def test_a_block_is_read_in_the_ways_that_models_write_it(answer):
    done = apply_edits(FILES, answer)
    assert (done.fault, done.reason) == ("", "")
    assert done.files == {"src/m.py": MENDED}
    assert (done.form, done.blocks, done.tolerant) == ("blocks", 1, 0)


def test_blocks_follow_each_other_and_see_what_was_edited():
    answer = "\n".join(
        [
            "### src/m.py",
            "```python",
            block("    return x + 1\n", "    y = 1\n    return x + y\n", ""),
            block("    y = 1\n", "    y = 3\n", ""),
            "```",
            block("all:\n", "", "### Makefile\n"),
            block("", "new = 1\n", "pkg/new.py\n"),
        ]
    )
    done = apply_edits(FILES, answer)
    assert done.fault == ""
    assert done.files == {
        "src/m.py": CODE.replace("    return x + 1\n", "    y = 3\n    return x + y\n"),
        "Makefile": "\techo\n",
        "pkg/new.py": "new = 1\n",
    }
    assert done.blocks == 4


FAULTS = [
    ("empty", "", "empty"),
    ("no_edit", "I could not find the bug.", "neither a SEARCH/REPLACE block nor a diff"),
    ("no_edit", "```python\nx = 1\n```", "neither"),
    ("too_large", "x" * (LIMIT + 1), "at most"),
    ("malformed", ONE.replace("### src/m.py\n", ""), "block 1: no line above it names its file"),
    ("malformed", ONE + block("a\n", "b\n").replace(">>>>>>> REPLACE\n", ""), "block 2: SEARCH in line 8 without"),
    ("malformed", ONE.replace("=======\n", ""), "block 1: no ======="),
    ("malformed", ONE + ">>>>>>> REPLACE\n", "block 2: line 7 ends a block that never began"),
    ("malformed", ONE.replace("=======", "<<<<<<< SEARCH"), "block 1: SEARCH in line 2 without"),
    ("malformed", ONE.replace("x - 1", "'\ud800'"), "half a character"),
    ("not_found", block("    return x + 3\n", ""), "which has no line 'return x + 3'"),
    ("not_found", block("return x + 1\n", ""), "with other white space at line 2"),
    ("not_found", block("x + 1\n", ""), "stand nowhere"),
    ("not_found", ONE + ONE, "block 2 (src/m.py)"),
    (
        "ambiguous",
        block("    return 1\n", "    return 2\n", "### twice.py\n"),
        "block 1 (twice.py): its lines stand at several places, lines 2 and 4",
    ),
    ("no_file", block("a\n", "b\n", "### src/gone.py\n"), "block 1 (src/gone.py): there is no such file"),
    ("exists", block("", "b\n"), "an empty SEARCH makes a new file"),
    ("outside", block("", "b\n", "### ../gone.py\n"), "block 1 (../gone.py): a path with"),
    ("outside", block("", "b\n", "### /etc/cron.d/x\n"), "an absolute path"),
    ("outside", block("", "b\n", "### .git/config.x\n"), "into .git"),
    ("no_change", block("    return x + 1\n", "    return x + 1\n"), "as before"),
]


@pytest.mark.parametrize(("fault", "answer", "said"), FAULTS)
def test_each_fault_is_named_with_its_block(fault, answer, said):
    files = {**FILES, "twice.py": "def a():\n    return 1\ndef b():\n    return 1\n"}
    done = apply_edits(files, answer)
    assert (done.fault, done.files) == (fault, {})
    assert said in done.reason
    assert "\n" not in done.reason


def test_white_space_is_overlooked_by_setting_and_counted():
    answer = block("  return x + 1  \n", "  y = 1\n\n  return x + y\n") + block("def two(x):\n", "def two(x, y):\n", "")
    assert apply_edits(FILES, answer).fault == "not_found"
    done = apply_edits(FILES, answer, whitespace=True)
    assert (done.fault, done.tolerant, done.blocks) == ("", 1, 2)
    assert done.files["src/m.py"] == CODE.replace("    return x + 1\n", "    y = 1\n\n    return x + y\n").replace(
        "two(x)", "two(x, y)"
    )
    twice = apply_edits({"m.py": "a\n b\na \n b\n"}, block("a\nb\n", "c\n", "### m.py\n"), whitespace=True)
    assert (twice.fault, twice.files) == ("not_found", {})
    ambiguous = apply_edits({"m.py": "  a\n    a\n"}, block("a\n", "c\n", "### m.py\n"), whitespace=True)
    assert (ambiguous.fault, ambiguous.files) == ("ambiguous", {})


def test_a_line_of_the_file_that_is_like_the_separator():
    done = apply_edits(FILES, block("History\n=======\n", "Changes\n-------\n", "### docs/h.rst\n"))
    assert done.files == {"docs/h.rst": "Changes\n-------\n\nOld.\n"}
    done = apply_edits(FILES, block("Old.\n", "New\n=======\n", "### docs/h.rst\n"))
    assert done.files == {"docs/h.rst": "History\n=======\n\nNew\n=======\n"}
    both = apply_edits({"h.rst": "A\nB\n"}, block("A\n", "=======\n", "### h.rst\n"))
    assert both.files == {"h.rst": "=======\nB\n"}


def test_line_ends_are_those_of_the_file():
    done = apply_edits({"m.py": "a\r\nb\r\n"}, block("a\n", "x\ny\n", "### m.py\n"))
    assert (done.files, done.tolerant) == ({"m.py": "x\r\ny\r\nb\r\n"}, 0)
    done = apply_edits({"m.py": "a\nb"}, block("b\n", "x\ny\n", "### m.py\n"))
    assert done.files == {"m.py": "a\nx\ny"}
    done = apply_edits({"m.py": "a\nb"}, block("b\n", "", "### m.py\n"))
    assert done.files == {"m.py": "a\n"}


def test_a_diff_is_taken_instead():
    done = apply_edits(FILES, f"Here it is:\n```diff\n{diff_of({'src/m.py': CODE}, {'src/m.py': MENDED})}```\n")
    assert (done.fault, done.form, done.rung, done.files) == ("", "diff", "prose", {"src/m.py": MENDED})
    done = apply_edits(FILES, "--- a/src/m.py\n+++ b/src/m.py\n@@ -1 +1 @@\n-nowhere\n+x\n")
    assert (done.fault, done.form) == ("not_found", "diff")


def test_what_must_not_be_changed_is_not():
    assert apply_edits(FILES, ONE, allowed=lambda path: path == "Makefile").fault == "not_allowed"


def test_files_of_a_tree_serve(tmp_path):
    (tmp_path / "m.py").write_text(CODE)
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    assert apply_edits(TreeFiles(tmp_path), ONE.replace("src/m.py", "m.py")).files == {"m.py": MENDED}
    assert apply_edits(TreeFiles(tmp_path), ONE.replace("src/m.py", "link.py")).fault == "outside"


WORDS = st.sampled_from(["a", "b", "  c", "", "def f():", "    return 1"])


@given(st.lists(WORDS, min_size=1, max_size=12), st.data())
def test_a_block_is_applied_where_python_finds_its_lines_once(lines, data):
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    wanted, new = lines[start:end], data.draw(st.lists(st.sampled_from(["x", "  y", ""]), max_size=3))
    text = "".join(f"{line}\n" for line in lines)
    search, replace = ("".join(f"{line}\n" for line in part) for part in (wanted, new))
    done = apply_edits({"m.py": text}, block(search, replace, "### m.py\n"))
    count = sum(lines[at : at + len(wanted)] == wanted for at in range(len(lines)))
    if not search.strip():
        assert done.fault in ("exists", "no_change", "")
    elif count == 1:
        assert done.fault == ("no_change" if wanted == new else "")
        assert done.files == (
            {} if wanted == new else {"m.py": text[: _at(lines, start)] + replace + text[_at(lines, end) :]}
        )
    else:
        assert done.fault == "ambiguous"
    json.dumps(done.files)


def _at(lines, count):
    return sum(len(line) + 1 for line in lines[:count])
