"""The ladder: what is overlooked in a patch and named, what is a fault, and where git agrees."""

from __future__ import annotations

import random
import time

import pytest

from tests.evaluate.swe.patches.gits import git_apply, read, write
from treadle.evaluate.swe.patches import LIMIT, apply_to_files, diff_of

OLD = "import os\n\n\ndef one(x):\n    y = x + 1\n    return y\n\n\ndef two(x):\n    z = x + 2\n    return z\n"
NEW = OLD.replace("x + 1", "x - 1")
HEAD = "--- a/m.py\n+++ b/m.py\n"
HUNK = "@@ -3,6 +3,6 @@ import os\n \n def one(x):\n-    y = x + 1\n+    y = x - 1\n     return y\n \n \n"
PATCH = f"diff --git a/m.py b/m.py\n{HEAD}{HUNK}"


def shifted(text: str, by: str) -> str:
    """A hunk whose lines all have this white space more."""
    lines = text.split("\n")
    return "\n".join(line[0] + by + line[1:] if line[:1] in ("+", "-", " ") and line[1:] else line for line in lines)


LADDER = {
    "exact": [PATCH, HEAD + HUNK, PATCH.replace("\n \n", "\n\n")],
    "prose": [
        f"I found it.\n\n```diff\n{PATCH}```\nThis mends the bug:\n- one\n",
        f"Here:\n{PATCH}",
        f"```\n{PATCH}",
        f"~~~diff\n{PATCH}~~~\n",
    ],
    "final_newline": [PATCH.removesuffix("\n")],
    "prefix": [
        PATCH.replace("a/m.py", "m.py").replace("b/m.py", "m.py"),
        PATCH.replace("a/m.py", "./m.py").replace("b/m.py", "./m.py"),
        PATCH.replace("a/m.py", "i/m.py").replace("b/m.py", "w/m.py"),
    ],
    "header": ["diff --git a/m.py b/m.py\n" + HUNK, PATCH.replace("--- a/m.py", "--- a/m.py.orig")],
    "counts": [
        PATCH.replace("-3,6 +3,6", "-3,9 +3,9"),
        PATCH.replace("-3,6 +3,6", "-3,3 +3,2"),
        PATCH.replace("-3,6 +3,6", "-3 +3"),
        PATCH.replace("-3,6 +3,6", "-3,9 +3,9") + "-- \n2.39.5\n",
        PATCH.replace("-3,6 +3,6", "-3,9 +3,9") + "\nThat is all.\n",
    ],
    "bare": [
        PATCH.replace("@@ -3,6 +3,6 @@ import os", "@@"),
        PATCH.replace("@@ -3,6 +3,6 @@ import os", "@@ ... @@"),
        PATCH.replace("@@ -3,6 +3,6 @@ import os", "@@ def one(x):"),
        PATCH.replace("@@ -3,6 +3,6 @@ import os\n", ""),
    ],
    "unanchored": [f"{HEAD}@@ -4,2 +4,2 @@\n def one(x):\n-    y = x + 1\n+    y = x - 1\n"],
    "offset": [PATCH.replace("-3,6 +3,6", "-103,6 +103,6")],
    "crlf": [PATCH.replace("\n", "\r\n")],
    "trailing_space": [PATCH.replace("one(x):\n", "one(x):  \n"), PATCH.replace("x + 1\n", "x + 1\t\n")],
    "untagged": [PATCH.replace("\n     return", "\n    return"), PATCH.replace("\n def one", "\ndef one")],
    "reindented": [
        HEAD + shifted(HUNK, "  "),
        HEAD + "@@ -5,4 +5,4 @@\n-y = x + 1\n+y = x - 1\n return y\n \n \n",
        HEAD + "@@ -5,4 +5,4 @@\n-  y = x + 1\n+  y = x - 1\n   return y\n \n \n",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("rung", "patch"), [(rung, patch) for rung, patches in LADDER.items() for patch in patches])
def test_each_rung_gives_what_the_patch_means_and_is_named(rung, patch):
    found = apply_to_files({"m.py": OLD}, patch)
    assert (found.fault, found.reason, found.rung) == ("", "", rung)
    assert found.files == {"m.py": NEW}


def test_files_without_a_final_newline_and_with_crlf_keep_theirs():
    cut = apply_to_files({"m.py": "a\nb\nc"}, "--- a/m.py\n+++ b/m.py\n@@ -1,3 +1,4 @@\n a\n+x\n b\n c\n")
    assert (cut.rung, cut.files) == ("final_newline", {"m.py": "a\nx\nb\nc"})
    grown = apply_to_files({"m.py": "a\nb"}, "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,3 @@\n a\n b\n+c\n")
    assert (grown.rung, grown.files) == ("final_newline", {"m.py": "a\nb\nc\n"})
    more = apply_to_files(
        {"m.py": "a\nb\n"}, "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n"
    )
    assert (more.rung, more.files) == ("final_newline", {"m.py": "a\nc\n"})
    early = "--- a/m.py\n+++ b/m.py\n@@ -1,3 +1,4 @@\n a\n+x\n\\ No newline at end of file\n b\n c\n"
    found = apply_to_files({"m.py": "a\nb\nc\n"}, early)
    assert (found.rung, found.files) == ("final_newline", {"m.py": "a\nx\nb\nc\n"})
    windows = apply_to_files({"m.py": OLD.replace("\n", "\r\n")}, PATCH)
    assert (windows.rung, windows.files) == ("crlf", {"m.py": NEW.replace("\n", "\r\n")})


def test_context_stays_as_the_file_has_it_and_added_lines_take_its_shift():
    file = "class A:\n    def f(self):  \n        return 1\n"
    patch = "--- a/m.py\n+++ b/m.py\n@@\n def f(self):\n-    return 1\n+    x = 1\n+\n+    return x\n"
    found = apply_to_files({"m.py": file}, patch)
    assert found.rungs == ("bare", "reindented")
    assert found.files["m.py"] == "class A:\n    def f(self):  \n        x = 1\n\n        return x\n"


TWICE = "a\nb\nc\n\na\nb\nc\n"
ANY = "--- a/m.py\n+++ b/m.py\n"
FAULTS = {
    "empty": ["", " \n\t"],
    "too_large": ["+" * (LIMIT + 1)],
    "no_diff": ["I cannot do that.", "```python\nx = 1\n```", "diff --git a/m.py b/m.py\n"],
    "malformed": [
        "@@ -1 +1 @@\n-a\n+b\n",
        ANY,
        f"{ANY}@@ -1,2 +1,2 @@\n",
        '--- "a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n',
        "diff --git nothing\nnew file mode 100644\n",
        f"{ANY}@@ -1 +1 @@\n-a\n+\ud800\n",
        "--- a/m.py\n+++ b/other.py\n@@ -1 +1 @@\n-a\n+b\n",
    ],
    "binary": [
        "diff --git a/x.png b/x.png\nindex 1..2 100644\nGIT binary patch\nliteral 1\nIcmZPo\n",
        "diff --git a/x.png b/x.png\nBinary files a/x.png and b/x.png differ\n",
        f"{ANY}@@ -1 +1 @@\n-a\n+\0\n",
    ],
    "outside": [
        "--- a/../m.py\n+++ b/../m.py\n@@ -1 +1 @@\n-a\n+b\n",
        "--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
        "--- /dev/null\n+++ b//etc/x\n@@ -0,0 +1 @@\n+b\n",
        "--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+b\n",
        "--- /dev/null\n+++ b/sub/.GIT /config\n@@ -0,0 +1 @@\n+b\n",
        "--- /dev/null\n+++ b/x/./y\n@@ -0,0 +1 @@\n+b\n",
        '--- /dev/null\n+++ "b/\\056\\056/y"\n@@ -0,0 +1 @@\n+b\n',
        f"--- /dev/null\n+++ b/{'x' * 300}\n@@ -0,0 +1 @@\n+b\n",
        "diff --git a/m.py b/../m.py\nrename from m.py\nrename to ../m.py\n",
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n",
        "diff --git a/s b/s\nnew file mode 160000\n--- /dev/null\n+++ b/s\n@@ -0,0 +1 @@\n+Subproject commit 1\n",
    ],
    "no_file": [
        "--- a/gone.py\n+++ b/gone.py\n@@ -1 +1 @@\n-a\n+b\n",
        "--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
        "diff --git a/gone b/new\nrename from gone\nrename to new\n",
    ],
    "exists": [
        "--- /dev/null\n+++ b/m.py\n@@ -0,0 +1 @@\n+b\n",
        "--- /dev/null\n+++ b/m.py/x\n@@ -0,0 +1 @@\n+b\n",
        "--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+b\n--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+b\n",
    ],
    "not_found": [
        f"{ANY}@@ -1,2 +1,2 @@\n a\n-z\n+y\n",
        f"{ANY}@@ -1,2 +1,2 @@\n c\n-b\n+y\n",
        "--- a/m.py\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-a\n-b\n-c\n",
        f"{ANY}@@\n a\n...\n-c\n+d\n",
    ],
    "ambiguous": [f"{ANY}@@\n a\n-b\n+x\n c\n", f"{ANY}@@ -3,3 +3,3 @@\n a\n-b\n+x\n c\n"],
    "no_context": [f"{ANY}@@ -2,0 +3 @@\n+x\n", f"{ANY}@@\n+x\n"],
    "overlap": [f"{ANY}@@ -1,2 +1,2 @@\n a\n-b\n+x\n@@ -2,3 +2,3 @@\n b\n-c\n+y\n \n"],
    "no_change": [f"{ANY}@@ -1,2 +1,2 @@\n a\n-b\n+b\n"],
}  # fmt: skip


@pytest.mark.parametrize(("fault", "patch"), [(fault, patch) for fault, patches in FAULTS.items() for patch in patches])
def test_each_fault_has_its_name_and_one_line(fault, patch):
    found = apply_to_files({"m.py": TWICE}, patch)
    assert (found.fault, found.files, found.rung) == (fault, {}, "")
    assert found.reason
    assert "\n" not in found.reason
    assert len(found.reason) < 400


def test_a_hunk_that_stands_twice_is_put_where_its_header_says():
    found = apply_to_files({"m.py": TWICE}, f"{ANY}@@ -5,3 +5,3 @@\n a\n-b\n+x\n c\n")
    assert (found.rung, found.files) == ("exact", {"m.py": "a\nb\nc\n\na\nx\nc\n"})


def test_reasons_name_file_hunk_and_the_first_line_that_is_missing():
    patch = f"{ANY}@@ -1,2 +1,2 @@\n a\n-b\n+x\n@@ -5,2 +5,2 @@\n a\n-nowhere()\n+y\n"
    reason = apply_to_files({"m.py": TWICE}, patch).reason
    assert reason == (
        "m.py: hunk 2 (line 7 of the patch): its lines stand nowhere in the file, which has no line 'nowhere()'"
    )


FILES = {"a.py": "1\n", "b.py": "2\n", "d/c.py": "3\n"}
GONE = "diff --git a/d/c.py b/d/c.py\ndeleted file mode 100644\n--- a/d/c.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-3\n"
GONE_A = GONE.replace("d/c.py", "a.py").replace("-3", "-1")


def renamed(old, new, kind="rename"):
    return f"diff --git a/{old} b/{new}\nsimilarity index 90%\n{kind} from {old}\n{kind} to {new}\n"


def change(path, header, *lines):
    return "\n".join([f"--- a/{path}", f"+++ b/{path}", f"@@ {header} @@", *lines, ""])


KINDS = [
    ("diff --git a/e b/e\nnew file mode 100644\nindex 000..e69\n", {"e": ""}),
    ("--- /dev/null\n+++ b/e/f.py\n@@ -0,0 +1,2 @@\n+x\n+y\n\\ No newline at end of file\n", {"e/f.py": "x\ny"}),
    (GONE, {"d/c.py": None}),
    (renamed("a.py", "z.py"), {"a.py": None, "z.py": "1\n"}),
    (renamed("a.py", "z.py") + "--- a/a.py\n+++ b/z.py\n@@ -1 +1 @@\n-1\n+9\n", {"a.py": None, "z.py": "9\n"}),
    (renamed("a.py", "z.py", "copy"), {"z.py": "1\n"}),
    (renamed("a.py", "b.py") + renamed("b.py", "a.py"), {"a.py": "2\n", "b.py": "1\n"}),
    (GONE_A + "--- /dev/null\n+++ b/a.py/x\n@@ -0,0 +1 @@\n+x\n", {"a.py": None, "a.py/x": "x\n"}),
    (change("a.py", "-1 +1,2", " 1", "+2") + change("a.py", "-2 +2", "-2", "+3"), {"a.py": "1\n3\n"}),
]


@pytest.mark.parametrize(("patch", "files"), KINDS)
def test_files_are_made_removed_renamed_and_copied_as_git_does(tmp_path, patch, files):
    found = apply_to_files(FILES, patch)
    assert (found.fault, found.rung, found.files) == ("", "exact", files)
    write(tmp_path, FILES)
    assert git_apply(tmp_path, patch) is None
    assert read(tmp_path) == {path: text for path, text in {**FILES, **files}.items() if text is not None}


def test_a_new_file_need_not_be_told_by_its_header():
    found = apply_to_files({}, "--- a/n.py\n+++ b/n.py\n@@ -0,0 +1 @@\n+x\n")
    assert (found.rung, found.files) == ("header", {"n.py": "x\n"})


def test_modes_are_told():
    found = apply_to_files(FILES, "diff --git a/a.py b/a.py\nold mode 100644\nnew mode 100755\n")
    assert (found.files, found.executable) == ({"a.py": "1\n"}, {"a.py": True})


def test_what_must_not_be_changed_is_not():
    patch = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-1\n+2\n"
    found = apply_to_files(FILES, patch, allowed=lambda path: not path.startswith("a"))
    assert (found.fault, found.reason) == ("not_allowed", "a.py: this file must not be changed")
    assert apply_to_files(FILES, patch, allowed=lambda path: path == "a.py").files == {"a.py": "2\n"}


def test_where_nothing_is_overlooked_git_gives_the_same(tmp_path):
    """Random patches, some of them damaged, on texts that are near those they were made of."""
    draw = random.Random(3)
    words = ["a", "b", "c", "    d", "", "e", "f", "g"]
    exact = 0
    for _ in range(200):
        old = "\n".join(draw.choice(words) for _ in range(draw.randrange(30))) + draw.choice(["", "\n"])
        lines = draw.choice([old, old, "x\n" + old]).split("\n")
        new = old.split("\n")
        for _ in range(draw.randrange(1, 4)):
            new[draw.randrange(len(new))] = draw.choice(["new", "a", "b\nc"])
        patch = diff_of({"m": old}, {"m": "\n".join(new)}).split("\n")
        if len(patch) > 2 and draw.random() < 0.5:
            at = draw.randrange(len(patch))
            line = patch[at]
            damages = [], [line[1:]], [line, "+z"], [line, ""], [line + " "], [line, "\\ No newline at end of file"]
            patch[at : at + 1] = draw.choice(damages)
        there = {"m": "\n".join(lines)}
        found = apply_to_files(there, "\n".join(patch))
        if found.rung == "exact":
            exact += 1
            write(tmp_path, there)
            assert git_apply(tmp_path, "\n".join(patch)) is None
            assert read(tmp_path) == {**there, **found.files}
    assert exact > 30


def test_hostile_sizes_take_no_time():
    start = time.process_time()
    file = {"m.py": "x\n" * 100_000}
    lines = " x\n" * 5_000
    assert apply_to_files(file, f"{ANY}@@\n{lines}-y\n+z\n").fault == "not_found"
    assert apply_to_files(file, f"{ANY}@@\n{lines}-x\n+z\n").fault == "ambiguous"
    assert apply_to_files(file, "".join(f"{ANY}@@\n-{k}\n+z\n" for k in range(20_000))).fault == "not_found"
    assert apply_to_files(file, "@@\n" * 300_000).fault == "malformed"
    assert apply_to_files(file, "```\n" * 200_000).fault == "no_diff"
    assert apply_to_files(file, ANY + "@@ -1 +1 @@\n-x\n+y\n" * 40_000).fault == "ambiguous"
    assert time.process_time() - start < 10
