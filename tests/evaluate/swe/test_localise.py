import ast
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluate.swe import localise, outlines
from treadle.evaluate.swe.localise import changed_files, excerpt, named_files, named_parts, tree_of
from treadle.evaluate.swe.outlines import drawn, outline

PATHS = ["setup.py", "pkg/core.py", "pkg/util.py", "other/util.py", "tests/test_core.py", "docs/index.md"]
SOURCE = '''import os


class Shape:
    """A shape."""

    @property
    def area(self):
        return 1

    class Inner:
        async def go(self):
            pass


if os.name:

    def helper(x):
        def nested():
            pass

        return nested
'''


@pytest.mark.parametrize(
    ("answer", "found", "unknown"),
    [
        ("pkg/core.py\nsetup.py", ["pkg/core.py", "setup.py"], []),
        ("1. `./pkg/core.py`\n2. **/testbed/pkg/util.py**:", ["pkg/core.py", "pkg/util.py"], []),
        ("core.py", ["pkg/core.py"], []),
        ("util.py", [], []),
        ("lib/core.py and pkg/core.py.", ["pkg/core.py"], ["lib/core.py"]),
        (
            "pkg/core.py pkg/core.py setup.py pkg/util.py other/util.py",
            ["pkg/core.py", "setup.py", "pkg/util.py"],
            [],
        ),
        ("```\npkg/core.py\n```", ["pkg/core.py"], []),
        ("/etc/passwd ../../x.py", [], ["../../x.py"]),
        ("", [], []),
    ],
)
def test_files_are_named_in_many_ways(answer, found, unknown):
    assert named_files(answer, PATHS, 3) == (found, unknown)


@given(st.text(max_size=80))
def test_only_files_of_the_repository_are_found(answer):
    found, _ = named_files(answer, PATHS, 2)
    assert set(found) <= set(PATHS)
    assert len(found) <= 2


def test_the_tree_has_every_file_under_its_folder():
    text, left_out = tree_of(PATHS, 10_000)
    assert left_out == 0
    assert text.splitlines() == [
        "./",
        "  setup.py",
        "docs/",
        "  index.md",
        "other/",
        "  util.py",
        "pkg/",
        "  core.py",
        "  util.py",
        "tests/",
        "  test_core.py",
    ]


def test_a_long_tree_loses_other_files_then_tests_then_what_is_deep():
    paths = [*PATHS, *(f"pkg/deep/deeper/m{k}.py" for k in range(30))]
    whole = tree_of(paths, 10_000)[0]
    assert "index.md" in tree_of(paths, len(whole))[0]
    assert "index.md" not in tree_of(paths, len(whole) - 1)[0]
    assert "test_core" in tree_of([*PATHS], 90)[0]
    assert "test_core" not in tree_of([*PATHS], 60)[0]
    text, left_out = tree_of(paths, 100)
    assert "deeper" not in text
    assert "core.py" in text
    assert left_out == len(paths) - sum(line.startswith("  ") for line in text.splitlines())
    assert len(tree_of([f"m{k}.py" for k in range(1000)], 200)[0]) <= 200


def test_an_outline_has_the_lines_that_the_compiler_gives():
    parts = {part.name: part for part in outline(SOURCE)}
    assert list(parts) == ["Shape", "Shape.area", "Shape.Inner", "Shape.Inner.go", "helper"]
    assert (parts["Shape.area"].first, parts["Shape.area"].last) == (7, 9)
    assert parts["helper"].head == "    def helper(x):"
    assert "     4  class Shape:" in drawn(outline(SOURCE))


def test_an_outline_of_real_code_matches_inspect():
    text = inspect.getsource(localise)
    for part in outline(text):
        if "." not in part.name and part.head.startswith("def"):
            lines, first = inspect.getsourcelines(getattr(localise, part.name))
            assert (part.first, part.last) == (first, first + len(lines) - 1)
    assert outline(inspect.getsource(outlines))


@pytest.mark.parametrize("text", ["def broken(:", "\0", "x" * 100, "(" * 5000])
def test_what_is_no_python_has_no_outline(text):
    assert outline(text) == []


def test_parts_are_named_with_and_without_their_file_and_class():
    known = {"a/shape.py": outline(SOURCE), "b.py": outline("def helper():\n    pass\n\n\ndef only():\n    pass\n")}

    def named(answer):
        return {path: [part.name for part in parts] for path, parts in named_parts(answer, known).items()}

    assert named("a/shape.py: Shape.area") == {"a/shape.py": ["Shape.area"]}
    assert named("- `shape.py`: `area()`") == {"a/shape.py": ["Shape.area"]}
    assert named("only") == {"b.py": ["only"]}
    assert named("helper") == {}
    assert named("b.py: helper\na/shape.py: helper") == {"b.py": ["helper"], "a/shape.py": ["helper"]}
    assert named("nothing: at all") == {}


def test_an_excerpt_says_what_it_leaves_out():
    text = "".join(f"line {k}\n" for k in range(1, 101))
    part = outlines.Part("f", 40, 41, "")
    assert excerpt(text, [part], 1).split("\n") == [
        "[lines 1 to 38 are left out]",
        "line 39",
        "line 40",
        "line 41",
        "line 42",
        "[lines 43 to 100 are left out]",
    ]


def test_every_shown_line_of_an_excerpt_is_the_files():
    shown = [line for line in excerpt(SOURCE, outline(SOURCE)[1:2], 0).split("\n") if not line.startswith("[")]
    assert ast.parse("class A:\n" + "\n".join(shown))


def test_changed_files_of_a_patch():
    patch = (
        "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
        "diff --git a/new.py b/new.py\nnew file mode 100644\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+a\n"
    )
    assert changed_files(patch) == ["x.py"]
    assert changed_files("no patch") == []
    assert changed_files("") == []
