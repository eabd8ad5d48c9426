"""A real server whose model plays what an issue asks for: `plays NAME` in its text chooses one of `PLAYS`.

And a small package with a bug for each play, as `treadle swe tasks` would write it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from contextlib import contextmanager

from tests.evaluate.backends.faulty import FaultyServer, Handler, running
from treadle.evaluate.swe.agent.prompts import call_text

SOURCE = "def area(width, height):\n    return width * height\n\n\ndef double(number):\n    return number * 2\n"
TESTS = """from tinyshape import area, double


def test_area():
    assert area(2, 3) == 6


def test_double():
    assert double(2) == 4
"""
GOOD, BAD = "    return width * height\n", "    return width + height\n"
PLAYS = ("correct", "thinking", "malformed", "twice", "lazy", "silent", "looping", "hostile", "long")


def diff(old, new):
    return (
        "diff --git a/tinyshape.py b/tinyshape.py\n--- a/tinyshape.py\n+++ b/tinyshape.py\n@@ -1,5 +1,5 @@\n"
        f" def area(width, height):\n-{old}+{new} \n \n def double(number):\n"
    )


def write_tasks(folder, plays=PLAYS):
    """A folder of tasks, one for each play."""
    (folder / "sources").mkdir(parents=True)
    archive = folder / "sources/tinyshape-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        files = {
            "pyproject.toml": '[project]\nname = "tinyshape"\nversion = "1.0"\n',
            "tinyshape.py": SOURCE,
            "tests/test_shape.py": TESTS,
            "conftest.py": "",
        }
        for name, text in files.items():
            entry = tarfile.TarInfo(f"tinyshape-1.0/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    (folder / "tasks.json").write_text(json.dumps({"format": 1, "packages": [{"sha256": digest}]}))
    rows = [
        {
            "instance_id": f"tinyshape-{number}-{play}",
            "repo": "tinyshape",
            "base_commit": "tinyshape==1.0",
            "version": "1.0",
            "problem_statement": f"area(2, 3) gives 5, not 6. The model plays {play}.",
            "patch": diff(BAD, GOOD),
            "bug": diff(GOOD, BAD),
            "FAIL_TO_PASS": ["tests/test_shape.py::test_area"],
            "PASS_TO_PASS": ["tests/test_shape.py::test_double"],
        }
        for number, play in enumerate(plays)
    ]
    (folder / "instances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def block(path, search, replace):
    return f"### {path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


EDITS = {
    "correct": block("tinyshape.py", BAD, GOOD),
    "thinking": "<think>A product, not a sum.</think>" + block("tinyshape.py", BAD, GOOD),
    "malformed": f"### tinyshape.py\n<<<<<<< SEARCH\n{BAD}=======\n{GOOD}",
    "twice": block("tinyshape.py", "    return ", "    yield "),
    "lazy": "I am sorry, I cannot do that.",
    "silent": "",
    "looping": "and again " * 50,
    "hostile": block("../../../../etc/passwd", "root", "toor"),
}


def bash(command):
    return call_text("bash", command=command)


def editor(command, **more):
    return call_text("str_replace_editor", command=command, path="/testbed/tinyshape.py", **more)


SUBMIT = call_text("submit")
STEPS = {
    "correct": [
        bash("grep -rn area /testbed --include=*.py"),
        editor("view"),
        editor("str_replace", old_str=BAD, new_str=GOOD),
        bash("python -m pytest -q tests"),
        SUBMIT,
    ],
    "thinking": [
        f"<think>I look.</think>{editor('view')}",
        f"<think>I mend.</think>Now the edit.\n\n{editor('str_replace', old_str=BAD, new_str=GOOD)}",
        SUBMIT,
    ],
    "malformed": ["<function=bash>\n<parameter=command>ls"],
    "twice": [editor("str_replace", old_str="    return ", new_str="    yield "), SUBMIT],
    "lazy": [SUBMIT],
    "silent": [""],
    "looping": [bash("ls /testbed")],
    "hostile": [
        bash("rm -rf / --no-preserve-root 2>/dev/null; rm -rf /testbed/.git; true"),
        bash("cat /etc/shadow; ln -s / /testbed/all; mkfifo /testbed/pipe; chmod 000 /testbed/*"),
        call_text("str_replace_editor", command="view", path="/testbed/all/etc/passwd"),
        bash("echo 'import os; os._exit(0)' > /testbed/conftest.py; kill -9 -1"),
        SUBMIT,
    ],
}


class ScriptedServer(FaultyServer):
    """`hook` is called before each answer with the number of the request; `requests` counts them."""

    def __init__(self, hook=lambda number: None, **settings):
        super().__init__(**settings)
        self.RequestHandlerClass, self.hook, self.requests = ScriptedHandler, hook, 0


class ScriptedHandler(Handler):
    def completion(self, body):
        text, finish = played(body["messages"])
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        usage = {"prompt_tokens": 5, "completion_tokens": len(text.split()) + 1, "total_tokens": 12}
        return {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}

    def respond(self, body, prompt, way):
        with self.server.lock:
            self.server.requests += 1
            number = self.server.requests
        self.server.hook(number)
        if "plays long" in prompt:
            self.fault_long(body)
        else:
            super().respond(body, prompt, way)


def played(messages):
    """What the model answers, and why it ends."""
    prompt = messages[-1]["content"]
    play = re.search(r"plays (\w+)", prompt)[1]
    if messages[0]["role"] == "system":
        numbers = [int(number) for number in re.findall(r"^Action (\d+):$", prompt, re.MULTILINE)]
        script = STEPS[play]
        return script[min(max(numbers, default=0), len(script) - 1)], "stop"
    if "Say which files" in prompt:
        return {"lazy": "I do not know.", "silent": "", "hostile": "/etc/passwd"}.get(play, "`./tinyshape.py`"), "stop"
    if play == "silent" and "Say which" not in prompt:
        return "", "stop"
    return EDITS[play], "length" if play == "looping" else "stop"


@contextmanager
def playing(hook=lambda number: None, **settings):
    with running(ScriptedServer(hook, **settings)) as server:
        yield server
