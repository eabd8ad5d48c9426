"""A real server that plays a model which writes its commands as mini-swe-agent's `swebench_backticks.yaml` asks."""

from __future__ import annotations

import re
from contextlib import contextmanager

from tests.evaluate.backends.faulty import running
from tests.evaluate.swe.scripted import ScriptedHandler, ScriptedServer

MEND = "sed -i 's/width + height/width * height/' tinyshape.py"
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && cat patch.txt"


def command(text, before="THOUGHT: as planned."):
    return f"{before}\n\n```mswea_bash_command\n{text}\n```"


SCRIPTS = {
    "correct": [
        command("cat tinyshape.py"),
        command(MEND),
        command("python -m pytest -q tests; rm -rf tests/__pycache__"),
        command("git diff -- tinyshape.py > patch.txt"),
        command(SUBMIT),
    ],
    "thinking": ["<think>A product.\n```mswea_bash_command\nfalse\n```</think>" + command(MEND), command("exit 3")],
    "malformed": ["I am sorry.", command(MEND), "Nothing.", "Nothing.", "Nothing."],
    "lazy": [command("touch patch.txt"), command(SUBMIT)],
    "looping": [command("ls")],
    "hostile": [
        command("cat /etc/shadow; ls /root /home; env"),
        command("(setsid sleep 7731 &) ; sleep 7731"),
        command("head -c 300000000 /dev/zero | tr '\\0' x"),
        command("ln -s / all; mkfifo pipe; echo 'import os' > conftest.py; chmod 000 tests; kill -9 -1"),
        command(f"{MEND}; exit 1"),
        command("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"),
    ],
}


class MiniHandler(ScriptedHandler):
    def completion(self, body):
        messages = body["messages"]
        script = SCRIPTS[re.search(r"plays (\w+)", messages[1]["content"])[1]]
        turns = sum(message["role"] == "assistant" for message in messages)
        turns += sum("Please always provide EXACTLY ONE action" in message["content"] for message in messages[2:])
        text = script[min(turns, len(script) - 1)]
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": len(text.split()) + 1, "total_tokens": 12}
        return {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}


class MiniServer(ScriptedServer):
    def __init__(self, *words, **settings):
        super().__init__(*words, **settings)
        self.RequestHandlerClass = MiniHandler


@contextmanager
def playing(hook=lambda number: None, **settings):
    with running(MiniServer(hook, **settings)) as server:
        yield server
