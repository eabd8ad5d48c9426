import os
import subprocess

import pytest

from treadle.evaluate.swe.agent.places import changes, read_text, texts
from treadle.evaluate.swe.agent.prompts import Call
from treadle.evaluate.swe.agent.tools import Tools, framed
from treadle.evaluate.swe.patches import diff_of
from treadle.evaluate.swe.sandbox import Limits, Sandbox, why_not
from treadle.evaluate.swe.trees import remove_tree

SAFE = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "repo"
    root.mkdir()
    (root / "a.py").write_text("x = 1\n")
    return root


@pytest.fixture
def tools(root):
    return Tools(root, Sandbox(root, limits=Limits(seconds=10), unsafe_local=True))


def bash(tools, command):
    return tools.execute(Call("bash", {"command": command}, "")).text


def test_output_stands_in_the_frame_of_trajectories(tools):
    assert bash(tools, "cat a.py; echo oops >&2") == "OBSERVATION:\nx = 1\noops"
    assert bash(tools, "true") == "Your command ran successfully and did not produce any output."
    assert bash(tools, "printf '  indented\\n\\n'") == "OBSERVATION:\n  indented"
    assert framed("ab" * 9, 10).startswith("Observation: ababababab<response clipped><NOTE>")
    assert "8 characters were elided" in framed("ab" * 9, 10)


def test_the_working_folder_and_files_persist_and_variables_do_not(tools):
    assert bash(tools, "pwd") == "OBSERVATION:\n/testbed"
    bash(tools, "mkdir -p sub && cd sub && export SEEN=1 && echo y > b.txt")
    assert bash(tools, 'pwd; cat b.txt; echo "[$SEEN]"') == "OBSERVATION:\n/testbed/sub\ny\n[]"
    bash(tools, "cd /testbed && rm -r sub; exit 3")
    assert bash(tools, "pwd") == "OBSERVATION:\n/testbed"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("if then", "syntax error"),
        ("", "`command` is required"),
        ("x" * 70_000, "at most 60000 bytes"),
        ("echo a\0b", "no zero byte"),
        ("echo a\ud800b", "a?b"),
        ("cat <<'EOF'\nhere $x\nEOF", "here $x"),
        ("trap 'echo mine' EXIT; cd /; exec true", "did not produce any output"),
        ("kill -9 $$", "did not produce any output"),
    ],
)
def test_whatever_a_command_is_it_is_answered(tools, command, said):
    assert said in bash(tools, command)
    assert bash(tools, "pwd") in ("OBSERVATION:\n/testbed", "OBSERVATION:\n/")


def test_a_command_that_does_not_end_is_cancelled(root):
    tools = Tools(root, Sandbox(root, limits=Limits(seconds=0.5), unsafe_local=True))
    assert "was cancelled because it took too long" in bash(tools, "echo started; sleep 60")
    assert "started" in bash(tools, "echo started; sleep 60")


@SAFE
def test_what_the_editor_writes_is_the_agents_own(tools, root):
    tools.execute(
        Call("str_replace_editor", {"command": "create", "path": "/testbed/n/m.py", "file_text": "print(1)\n"}, "")
    )
    assert bash(tools, "echo 'print(2)' >> n/m.py && cat n/m.py && mv n o") == "OBSERVATION:\nprint(1)\nprint(2)"
    assert (root / "o/m.py").exists()


@SAFE
def test_a_link_out_of_the_checkout_leads_nowhere(tools, root, tmp_path):
    (tmp_path / "secret").write_text("secret")
    bash(tools, f"ln -s {tmp_path}/secret link; ln -s /etc etc; ln -s a.py inner")
    for path in ("/testbed/link", "/testbed/etc/passwd"):
        shown = tools.execute(Call("str_replace_editor", {"command": "view", "path": path}, "")).text
        assert "outside of /testbed" in shown
    inner = tools.execute(Call("str_replace_editor", {"command": "view", "path": "/testbed/inner"}, "")).text
    assert "x = 1" in inner
    assert tools.patch() == ""


def test_the_first_submit_shows_the_changes_and_the_second_ends(tools, root):
    bash(tools, "sed -i s/1/2/ a.py; echo new > b.txt")
    first = tools.execute(Call("submit", {}, ""))
    assert not first.done
    assert first.text.startswith("OBSERVATION:\nThank you for your work on this issue.")
    assert "-x = 1\n+x = 2" in first.text
    assert tools.execute(Call("submit", {}, "")).done


def test_the_patch_is_what_git_would_apply(tools, root, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.py").write_text("x = 1\n")
    bash(tools, "sed -i s/1/2/ a.py; printf 'no end' > b.txt; mkdir -p __pycache__ && echo > __pycache__/a.pyc")
    subprocess.run(["git", "apply", "-"], cwd=other, input=tools.patch(), text=True, check=True)
    assert texts(other) == {"a.py": "x = 2\n", "b.txt": "no end"}


def test_changes_between_two_checkouts_and_from_kept_texts_are_the_same(root, tmp_path):
    now = tmp_path / "now"
    now.mkdir()
    (now / "a.py").write_text("x = 3\n")
    (now / "new.py").write_text("1\n")
    (now / "image").write_bytes(b"\xff")
    os.mkfifo(now / "pipe")
    expected = ({"a.py": "x = 1\n", "new.py": None}, {"a.py": "x = 3\n", "new.py": "1\n"})
    assert changes(root, now) == changes(texts(root), now) == expected
    assert read_text(now / "pipe") is None


@SAFE
def test_a_folder_deeper_than_any_path_is_no_end_of_the_episode(tools):
    made = bash(tools, "n=$(printf 'a%.0s' {1..200}); for i in {1..25}; do mkdir $n; cd $n; done; echo made")
    assert "made" in made
    assert "a.py" in bash(tools, "cd /testbed; ls")
    many = "import os\nfor i in range(1500): os.mkdir('b'); os.chdir('b')"
    bash(tools, f'python3 -c "{many}"')
    assert "a.py" in bash(tools, "cd /testbed; ls")
    assert tools.patch() == ""
    remove_tree(tools.root)


@pytest.mark.parametrize(
    "command",
    [
        r"printf 'a\0b\n' > data.bin",
        r"printf 'x = 1\0\n' > data.bin; mkdir -p 'git~1' && echo x > 'git~1/config'",
        "mkdir '.git ' && echo x > '.git /config'",
        "mkdir -p $(printf 'a/%.0s' {1..120}) && echo x > $(printf 'a/%.0s' {1..120})b",
    ],
)
def test_a_file_that_no_patch_can_hold_is_no_end_of_the_episode(tools, command):
    bash(tools, f"{command}; echo 'x = 2' > a.py")
    assert "+x = 2" in tools.execute(Call("submit", {}, "")).text
    assert tools.patch() == diff_of({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"})
