"""Whatever text comes, it is a patch or a fault, and what was read is written again as it was."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.errors import DataError
from treadle.evaluate.swe.edits import apply_edits
from treadle.evaluate.swe.patches import PatchError, PatchFault, Rung, apply_to_files, parse_patch, reverse_patch

PIECES = st.sampled_from(
    [
        *(
            "diff --git a/m b/m",
            'diff --git "a/m" b/m',
            "--- a/m",
            "+++ b/m",
            "--- /dev/null",
            "+++ /dev/null",
            "--- m",
        ),
        *(
            "@@ -1,2 +1,2 @@",
            "@@ -1 +1 @@ def f",
            "@@",
            "@@ -0,0 +1 @@",
            "@@ -9999,3 +1,3 @@",
            " a",
            "-a",
            "+b",
            " ",
            "",
        ),
        *(
            "\\ No newline at end of file",
            "```diff",
            "```",
            "Prose.",
            "-- ",
            "rename from m",
            "rename to n",
            "copy from m",
        ),
        *(
            "new file mode 100644",
            "deleted file mode 100644",
            "old mode 100644",
            "new mode 120000",
            "a",
            "  a",
            "-",
            "+",
        ),
        *(
            "GIT binary patch",
            "+++ b/../m",
            "<<<<<<< SEARCH",
            "=======",
            ">>>>>>> REPLACE",
            "### m",
            "### n.py",
            "\ud800",
        ),
    ]
)
TEXTS = st.builds(lambda lines, end: end.join(lines), st.lists(PIECES, max_size=24), st.sampled_from(["\n", "\r\n"]))


@settings(max_examples=400)
@given(TEXTS)
def test_any_text_is_applied_or_has_a_fault_in_one_line(text):
    files = {"m": "a\nb\na\n", "n": "x"}
    for done in (apply_to_files(files, text), apply_edits(files, text), apply_edits(files, text, whitespace=True)):
        assert bool(done.fault) == bool(done.reason) == (not done.files)
        assert not done.fault or done.fault in {fault.value for fault in PatchFault}
        assert "\n" not in done.reason
        assert done.files.keys() <= {"m", "n", "n.py"}


def reread(text):
    patch = parse_patch(text)
    return [
        (file.old, file.new, file.old_mode, file.new_mode, [hunk.lines for hunk in file.hunks]) for file in patch.files
    ]


@pytest.mark.parametrize("name", ["swe-bench-dev-easy.json", "debug_20240322.json", "swe-bench-lite-test.json"])
def test_real_patches_reversed_twice_are_what_they_were(data, name):
    text = (data / "instances" / name).read_text()
    for row in json.loads(text):
        for patch in (row["patch"], row["test_patch"]):
            assert parse_patch(patch).rungs == frozenset()
            twice = reverse_patch(reverse_patch(patch))
            assert reread(twice) == reread(patch)
            assert re.findall(r"^@@ .*", twice, re.M) == re.findall(r"^@@ .*", patch, re.M)


def test_what_was_overlooked_in_reading_is_told():
    found = parse_patch("Look:\n```diff\n--- m\n+++ m\n@@\n a\n-b\n+c")
    assert found.rungs == {Rung.PROSE, Rung.BARE, Rung.FINAL_NEWLINE}
    assert found.files[0].hunks[0].start is None


def test_lines_that_look_like_headers_belong_to_a_hunk_that_counts_them():
    hunk = "@@ -1,2 +1,2 @@\n--- a/x\n+++ b/x\n \n"
    (file,) = parse_patch(f"--- a/m\n+++ b/m\n{hunk}").files
    assert [line.tag + line.text for line in file.hunks[0].lines] == ["--- a/x", "+++ b/x", " "]


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("", "the patch is empty"),
        ("--- a/m\n+++ b/m\n@@\n-a\n+b\n", "does not say where it stands"),
        ("diff --git a/m b/n\ncopy from m\ncopy to n\n", "it copies"),
    ],
)
def test_what_cannot_be_reversed_is_told(patch, said):
    with pytest.raises(DataError, match=said):
        reverse_patch(patch)


def test_line_numbers_in_reasons_are_those_of_the_text():
    patch = "--- a/m\n+++ b/m\n@@ -1 +1 @@\n-a\n+b\n--- a/n\n+++ b/n\n@@ -1 +1 @@\n"
    with pytest.raises(PatchError) as error:
        parse_patch(patch)
    assert error.value.reason == "line 8 of the patch: a hunk without lines, '@@ -1 +1 @@'"
    with pytest.raises(PatchError) as error:
        parse_patch(f"Look:\n\n```diff\n{patch}```\n")
    assert error.value.reason == "line 11 of the patch: a hunk without lines, '@@ -1 +1 @@'"
