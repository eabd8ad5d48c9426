"""Rows of the real samples, and the way back from a trajectory to what was said and answered, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from treadle.data.sources.agents.turns import said as said_in
from treadle.data.sources.form import Form, ReadOptions
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory


def row(data: dict[str, Any], source: str = "file") -> Row:
    return Row(data, f"{source}.jsonl, line 1", source, 1)


def sample(path: Path) -> list[Row]:
    """The rows of a file; a bare list of messages is one row."""
    text = path.read_text()
    if path.suffix == ".jsonl":
        documents = [json.loads(line) for line in text.splitlines()]
    else:
        content = json.loads(text)
        documents = content if isinstance(content, list) else [content]
        if "role" in documents[0]:
            documents = [{"messages": documents}]
    return [Row(d, f"{path}, row {k}", path.stem, k) for k, d in enumerate(documents, 1)]


def read(form: Form, data: dict[str, Any], source: str = "file") -> Trajectory:
    assert form.matches(row(data, source)) is True
    return form.read(row(data, source), ReadOptions())


def reason(form: Form, data: dict[str, Any]) -> DropReason:
    with pytest.raises(Rejected) as caught:
        form.read(row(data), ReadOptions())
    return caught.value.reason


def text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content)
    return content or ""


def spoken(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What the assistant said and what answered it, from its first turn on, straight from the source's messages."""
    roles = [m.get("role") for m in messages]
    first = next(k for k, name in enumerate(roles) if name in ("assistant", "ai"))
    return [
        ("said" if m["role"] in ("assistant", "ai") else "answer", text_of(m.get("content", m.get("text"))))
        for m in messages[first:]
    ]


def replay(trajectory: Trajectory) -> list[tuple[str, str]]:
    """The same from a trajectory, as the docstring of `treadle.data.sources.agents.turns` describes it."""
    meta = json.loads(json.dumps(trajectory.meta))
    turns = meta.get("calls_per_turn", [1] * len(trajectory.steps))
    assert sum(turns) == len(trajectory.steps)
    talk, said, position = list(meta.get("talk", [])), [], 0
    for count in turns:
        while talk and talk[0][0] == position:
            said += [("said", talk[0][1]), ("answer", talk[0][2])]
            talk.pop(0)
        steps = range(position, position + count)
        text = "".join(said_in(trajectory, k) for k in steps)
        lengths = meta.get("said_parts", {}).get(str(position), [len(text)])
        said += [("said", part) for part in taken_apart(text, lengths)]
        for k in steps:
            said += [("answer", part) for part in parts_of(trajectory, k)]
        position += count
    for _, text, answer in talk:
        said += [("said", text), ("answer", answer)]
    if "epilogue" in meta:
        lengths = meta.get("epilogue_parts", [len(meta["epilogue"])])
        said += [("said", part) for part in taken_apart(meta["epilogue"], lengths)]
        if "epilogue_observation" in meta:
            said.append(("answer", meta["epilogue_observation"]))
    return said


def parts_of(trajectory: Trajectory, k: int) -> list[str]:
    """The messages that an observation was made of."""
    observation = trajectory.steps[k].observation
    if observation is None:
        return []
    return taken_apart(observation, trajectory.meta.get("observation_parts", {}).get(str(k), [len(observation)]))


def taken_apart(text: str, lengths: list[int]) -> list[str]:
    """Texts that were joined by a blank line."""
    parts, start = [], 0
    for length in lengths:
        parts.append(text[start : start + length])
        start += length + len("\n\n")
    assert start == len(text) + len("\n\n")
    return parts
