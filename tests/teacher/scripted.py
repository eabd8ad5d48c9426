"""A server that plays a teacher: it answers as a script says, and misbehaves as told beside (`FaultyServer`)."""

from __future__ import annotations

from contextlib import contextmanager

from tests.evaluate.backends.faulty import FaultyServer, Handler, running


class TeacherHandler(Handler):
    def completion(self, body):
        said = self.server.script(body)
        said = {"text": said} if isinstance(said, str) else said
        message = {"role": "assistant", "content": said["text"]}
        if thought := said.get("thought"):
            message["reasoning_content"] = thought
        words = len(f"{said['text']} {thought or ''}".split())
        sent = sum(len(message["content"].split()) for message in body["messages"])
        usage = {"prompt_tokens": sent, "completion_tokens": words, "total_tokens": sent + words}
        choice = {"index": 0, "message": message, "finish_reason": said.get("finish", "stop")}
        name = said.get("model", body["model"])
        return {"id": "1", "object": "chat.completion", "model": name, "choices": [choice], "usage": usage}


class TeacherServer(FaultyServer):
    """Answers as `script(body)` says: a text, or a dict with `text` and any of `thought`, `finish` and `model`."""

    def __init__(self, script, **settings):
        super().__init__(**settings)
        self.RequestHandlerClass = TeacherHandler
        self.script = script


@contextmanager
def teaching(script, **settings):
    with running(TeacherServer(script, **settings)) as server:
        yield server
