"""Form `mini-swe-agent-responses`: what mini-swe-agent 2 saves with models of OpenAI's Responses interface.

Its messages are items of that interface (`agents.response_items`), and a turn of the model is a whole
response with its `output`. The action is the command of its tool `bash`, the observation the output with the same
`call_id`; the message of role `exit` answers the last call. A response that called nothing, or wrongly, was not carried
out and is no message of its own: it stands in the error that answered it (`extra.response`). Both go to `meta["talk"]`.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from treadle.data.sources.agents.dialogue import gather, trajectory_of
from treadle.data.sources.agents.mini_swe_agent import command_of
from treadle.data.sources.agents.response_items import Entry, acts, entries_of, texts_of
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import JOIN, as_dict, as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_LOOKED_AT = 20


def _is_response(message: Any) -> bool:
    return isinstance(message, dict) and (
        acts(message) or (message.get("object") == "response" and isinstance(message.get("output"), list))
    )


def matches(row: Row) -> bool:
    version = row.data.get("trajectory_format")
    if not (isinstance(version, str) and version.startswith("mini-swe-agent")):
        return False
    return any(_is_response(message) for message in islice(as_list(row.data.get("messages")) or (), _LOOKED_AT))


def _error(message: dict[str, Any]) -> bool:
    return as_dict(message.get("extra")).get("interrupt_type") == "FormatError"


def _failed(message: dict[str, Any], where: str) -> str:
    """What the response said that the error answers, as far as it is kept."""
    output = as_list(as_dict(as_dict(message.get("extra")).get("response")).get("output")) or []
    return JOIN.join(
        texts_of(item.get("content"), where)[0]
        for item in output
        if isinstance(item, dict) and item.get("type") == "message"
    )


def read(row: Row, options: ReadOptions) -> Trajectory:
    messages = as_list(row.data.get("messages"))
    if not messages:
        raise Rejected(DropReason.MISSING_COLUMN, "no list of messages")
    entries: list[Entry] = []
    talk: list[list[Any]] = []
    for index, message in enumerate(messages):
        expect(message, dict, f"message {index}")
        if _error(message):
            said, told = _failed(message, f"message {index}"), texts_of(message.get("content"), f"message {index}")[0]
            talk.append([sum(entry.kind == "call" for entry in entries), said, told])
        elif message.get("object") == "response":
            entries += entries_of(
                expect(message.get("output"), list, f"output of message {index}"), command_of, len(entries)
            )
        elif message.get("role") == "exit":
            entries.append(Entry("result", texts_of(message.get("content"), f"message {index}")[0]))
        else:
            entries += entries_of([message], command_of, len(entries))
    dialogue = gather(entries)
    meta = {"version": as_dict(row.data.get("info")).get("mini_version"), "talk": talk or None}
    return trajectory_of(row, dialogue, JOIN.join(dialogue.system) or None, meta=meta)


FORM = Form(
    name="mini-swe-agent-responses",
    description="mini-swe-agent's .traj.json with models of OpenAI's Responses interface",
    matches=matches,
    read=read,
)
