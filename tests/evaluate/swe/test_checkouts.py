"""Trees that issues are about: what is in them, and what is not."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.checkouts import checkout, clone_of, submodules_of, tag_before
from treadle.evaluate.swe.records import SweInstance

BUG = """\
--- a/src/calc.py
+++ b/src/calc.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a + b
+    return a - b
"""


def _git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    """A clone with two commits, of which the first is the base; `.gitattributes` would change an archive."""
    clone = tmp_path / "mirrors" / "some__calc"
    (clone / "tests").mkdir(parents=True)
    _git(clone, "init", "-q", "-b", "main")
    (clone / "calc.py").write_text("VERSION = '$Format:%H$'\n")
    (clone / "tests" / "test_calc.py").write_text("def test(): pass\n")
    (clone / ".gitattributes").write_text("tests export-ignore\ncalc.py export-subst\n")
    (clone / ".gitignore").write_text("*.dat\n")
    (clone / "kept.dat").write_text("tracked, though ignored\n")
    (clone / "run.sh").write_text("#!/bin/sh\n")
    (clone / "run.sh").chmod(0o755)
    (clone / "link").symlink_to("calc.py")
    _git(clone, "add", "-A", "-f")
    _git(clone, "commit", "-qm", "first")
    (clone / "calc.py").write_text("secret of later\n")
    _git(clone, "commit", "-qam", "second")
    return clone.parent


def _real(mirrors: Path, **changes: object) -> SweInstance:
    base = _git(mirrors / "some__calc", "rev-parse", "HEAD~1")
    return replace(SweInstance("some__calc-1", "some/calc", base, "", "", ("t",), ()), **changes)


def test_a_task_of_swe_smith_is_its_commit_with_the_bug_in_it(tmp_path, mirrors):
    bug = "--- a/run.sh\n+++ b/run.sh\n@@ -1 +1,2 @@\n #!/bin/sh\n+exit 1\n"
    task = _real(mirrors, bug=bug)
    task = replace(task, base_commit=task.base_commit[:8])
    root = checkout(task, tmp_path / "tree", mirrors)
    assert (root / "run.sh").read_text() == "#!/bin/sh\nexit 1\n"
    assert (root / "calc.py").read_text() == "VERSION = '$Format:%H$'\n"
    assert _git(root, "status", "--porcelain") == ""


def test_the_tag_before_a_base(mirrors):
    clone = mirrors / "some__calc"
    assert tag_before(_real(mirrors), mirrors) == ""
    _git(clone, "tag", "nightly", "HEAD~1")
    assert tag_before(_real(mirrors), mirrors) == ""
    _git(clone, "tag", "v1.2", "HEAD~1")
    _git(clone, "tag", "v1.3", "HEAD")
    assert tag_before(_real(mirrors), mirrors) == "v1.2"


def test_a_checkout_is_the_base_commit_alone(tmp_path, mirrors):
    root = checkout(_real(mirrors), tmp_path / "tree", mirrors)
    assert (root / "calc.py").read_text() == "VERSION = '$Format:%H$'\n"
    assert sorted(_git(root, "ls-files").split()) == [
        ".gitattributes",
        ".gitignore",
        "calc.py",
        "kept.dat",
        "link",
        "run.sh",
        "tests/test_calc.py",
    ]
    assert (root / "run.sh").stat().st_mode & 0o100
    assert (root / "link").readlink() == Path("calc.py")
    assert _git(root, "status", "--porcelain") == ""
    assert len(_git(root, "log", "--all", "--format=%H").split()) == 1
    later = _git(mirrors / "some__calc", "rev-parse", "HEAD:calc.py")
    assert subprocess.run(["git", "cat-file", "-e", later], cwd=root, capture_output=True).returncode != 0
    again = checkout(_real(mirrors), tmp_path / "again", mirrors)
    assert _git(again, "rev-parse", "HEAD") == _git(root, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["some__calc", "some+calc", "some/calc", "calc", "calc.git", "some__calc.git"])
def test_clones_are_found_by_name_bare_or_not(tmp_path, mirrors, name):
    place = tmp_path / "others" / name
    place.parent.mkdir(parents=True)
    _git(
        tmp_path, "clone", "-q", *(["--bare"] if name.endswith("git") else []), str(mirrors / "some__calc"), str(place)
    )
    root = checkout(_real(mirrors), tmp_path / "tree", tmp_path / "others")
    assert (root / "tests" / "test_calc.py").is_file()


def test_what_a_clone_lacks_is_one_line(tmp_path, mirrors):
    for changes, said in (
        ({"base_commit": "0" * 40}, "lacks it"),
        ({"base_commit": "--upload-pack=x"}, "expected the hexadecimal name"),
        ({"repo": "some/other"}, "git clone --bare https://github.com/some/other"),
        ({"repo": "../some__calc"}, "no clone in"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            checkout(_real(mirrors, **changes), tmp_path / "tree", mirrors)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "tree").exists()
    with pytest.raises(DataError, match="--mirrors"):
        clone_of("some/calc", None)


def test_a_folder_with_something_in_it_stays(tmp_path, mirrors):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "mine").write_text("x")
    with pytest.raises(OutputError, match="is there already"):
        checkout(_real(mirrors), tmp_path / "tree", mirrors)
    assert (tmp_path / "tree" / "mine").is_file()


def _archive(path: Path, *members: tuple[str, str | None, bytes]) -> None:
    """Members by name, type (`None`: a file) and content or target."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind or tarfile.REGTYPE
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = content.decode()
            info.size = 0 if kind else len(content)
            tar.addfile(info, io.BytesIO(content))


CALC = ("calc-1.0/src/calc.py", None, b"def add(a, b):\n    return a + b\n")


def _made(folder: Path, **changes: object) -> SweInstance:
    made = SweInstance("calc-1", "calc", "calc==1.0", "", "", ("t",), (), bug=BUG, folder=folder)
    return replace(made, **changes)


def test_a_release_is_unpacked_with_its_bug(tmp_path):
    _archive(tmp_path / "sources" / "Calc-1.0.tar.gz", CALC, ("calc-1.0/l", tarfile.SYMTYPE, b"src/calc.py"))
    digest = hashlib.sha256((tmp_path / "sources" / "Calc-1.0.tar.gz").read_bytes()).hexdigest()
    (tmp_path / "tasks.json").write_text(json.dumps({"packages": [{"name": "calc", "sha256": digest}]}))
    root = checkout(_made(tmp_path), tmp_path / "tree")
    assert (root / "src" / "calc.py").read_text() == "def add(a, b):\n    return a - b\n"
    assert _git(root, "status", "--porcelain") == ""

    with pytest.raises(DataError, match="does not apply"):
        checkout(_made(tmp_path, bug=BUG.replace("a + b", "a * b")), tmp_path / "other")
    (tmp_path / "tasks.json").write_text(json.dumps({"packages": [{"name": "calc", "sha256": "0" * 64}]}))
    with pytest.raises(DataError, match="not the file that the tasks were made from"):
        checkout(_made(tmp_path), tmp_path / "other")
    with pytest.raises(DataError, match=r"calc==2.0 is not in"):
        checkout(_made(tmp_path, base_commit="calc==2.0"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (("calc-1.0/../../out", None, b"x"), "outside of its folder"),
        (("/etc/out", None, b"x"), "outside of its folder"),
        (("calc-1.0/l", tarfile.SYMTYPE, b"../../out"), "links to"),
        (("calc-1.0/l", tarfile.SYMTYPE, b"/etc/passwd"), "links to"),
        (("calc-1.0/l", tarfile.LNKTYPE, b"/etc/passwd"), "neither file"),
        (("calc-1.0/pipe", tarfile.FIFOTYPE, b""), "neither file"),
        (("calc-1.0/dev", tarfile.CHRTYPE, b""), "neither file"),
        (("calc-1.0/.git/config", None, b"x"), "into `.git`"),
        (("calc-1.0/src/calc.py", None, b"x"), "twice"),
    ],
)
def test_an_unsafe_archive_is_refused(tmp_path, member, said):
    _archive(tmp_path / "sources" / "calc-1.0.tar.gz", CALC, member)
    with pytest.raises(DataError, match=said):
        checkout(_made(tmp_path), tmp_path / "tree")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sources"]


def test_nothing_is_written_through_a_link_of_the_archive(tmp_path):
    archive = tmp_path / "sources" / "calc-1.0.tar.gz"
    _archive(archive, ("c/a", tarfile.SYMTYPE, b"b"), ("c/b/x", None, b""), ("c/a/y", None, b""))
    with pytest.raises(DataError, match="through a link"):
        checkout(_made(tmp_path), tmp_path / "tree")


def test_a_damaged_archive_is_one_line(tmp_path):
    archive = tmp_path / "sources" / "calc-1.0.tar.gz"
    _archive(archive, CALC)
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(DataError, match="cannot be unpacked"):
        checkout(_made(tmp_path), tmp_path / "tree")


def test_submodules_are_named_and_are_empty_folders(tmp_path, mirrors):
    clone, other = mirrors / "some__calc", tmp_path / "helpers"
    other.mkdir()
    _git(other, "init", "-q")
    (other / "x.py").write_text("x\n")
    _git(other, "add", "x.py")
    _git(other, "commit", "-qm", "first")
    assert submodules_of(_real(mirrors), mirrors) == []
    _git(clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub modules/helpers")
    _git(clone, "commit", "-qm", "with a submodule")
    real = _real(mirrors, base_commit=_git(clone, "rev-parse", "HEAD"))
    assert submodules_of(real, mirrors) == ["sub modules/helpers"]
    root = checkout(real, tmp_path / "tree", mirrors)
    assert list((root / "sub modules/helpers").iterdir()) == []
    with pytest.raises(DataError, match="lacks it"):
        submodules_of(_real(mirrors, base_commit="0" * 40), mirrors)
    assert submodules_of(replace(real, bug=BUG), None) == []
