"""Patches that are written: git takes them, and so does treadle, there and back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.swe.patches.gits import git_apply, read, write
from treadle.evaluate.swe.patches import apply_to_files, diff_of, reverse_patch

LINES = st.sampled_from(
    ["", "a", "b", "    c", "\td ", "- e", "-- f", "++ g", "@@ -1 +1 @@", "\\ h", "é\u2028", "x\r", "\udcff"]
)
TEXT = st.builds(lambda lines, end: "\n".join(lines) + end, st.lists(LINES, max_size=14), st.sampled_from(["", "\n"]))
PATHS = st.sampled_from(["a.py", "src/b.py", "sp ace/c d.txt", 'q"uo\\te.py', "é/ü.py", "tab\tname"])
TREES = st.dictionaries(PATHS, TEXT, max_size=4)


def after(before, files):
    """The tree that changed files make of one."""
    new = {**before, **files}
    return {path: text for path, text in new.items() if text is not None}


@settings(max_examples=150)
@given(TREES, TREES)
def test_a_written_patch_brings_the_new_version_and_its_reverse_the_old_one(old, new):
    patch = diff_of(old, new)
    if old == new:
        assert patch == ""
        return
    there = apply_to_files(old, patch)
    assert (there.fault, there.rung, after(old, there.files)) == ("", "exact", new)
    back = reverse_patch(patch)
    assert after(new, apply_to_files(new, back).files) == old
    assert after(old, apply_to_files(old, reverse_patch(back)).files) == new


def test_git_takes_what_is_written_and_its_reverse(tmp_path_factory):
    @settings(max_examples=25)
    @given(TREES, TREES)
    def both(old, new):
        patch = diff_of(old, new)
        if not patch:
            return
        root = tmp_path_factory.mktemp("tree")
        write(root, old)
        assert git_apply(root, patch) is None
        assert read(root) == new
        assert git_apply(root, reverse_patch(patch)) is None
        assert read(root) == old

    both()
