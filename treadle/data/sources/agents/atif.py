"""Form `atif`: Harbor's Agent Trajectory Interchange Format, `schema_version` ATIF-v1.x.

A step of the source with `source: agent` is a turn. Its `tool_calls` are the actions, each with the results of
`observation` that name it; `message` is the thought, `reasoning_content` goes to `meta["reasoning"]`. A result that
names no call answers all calls of its turn (Terminus' screen after several keystrokes), which are then one step, one
call after the other. Without `tool_calls` a message that is Terminus' JSON is read as `agents.terminus`
does.

Steps of the system and the user before the agent's first are the system text, with `agent.tool_definitions`, and the
problem; later ones answer the turn before them. Images, and trajectories that subagents wrote elsewhere, are named in
`meta["passed"]` and left out.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from treadle.data.sources.agents.calls import as_json, read_call, render, with_tools
from treadle.data.sources.agents.terminus import step_of
from treadle.data.sources.agents.turns import Turn, assemble, beside, reasoning_of
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.messages import JOIN, as_dict, as_list
from treadle.files.rows import Row
from treadle.trajectory import Step, Trajectory


def matches(row: Row) -> bool:
    version = row.data.get("schema_version")
    if not as_list(row.data.get("steps")):
        return False
    if isinstance(version, str) and version.upper().startswith("ATIF"):
        return True
    first = (as_list(row.data["steps"]) or [None])[0]
    return isinstance(first, dict) and {"step_id", "source", "message"} <= first.keys() and "agent" in row.data


def _text(content: Any, where: str, passed: Counter[str]) -> str:
    """The text of a message or result: a string, or parts of which those without text are counted."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in expect(content, list, f"content of {where}"):
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            texts.append(text)
        else:
            passed[str(as_dict(part).get("type", type(part).__name__))] += 1
    return "".join(texts)


def _results(raw: dict[str, Any], where: str, passed: Counter[str]) -> list[tuple[str | None, str]]:
    """The results of a step, as the id of the call that each names and its text."""
    observation = raw.get("observation")
    if isinstance(observation, str):
        return [(None, observation)]
    results = []
    for result in as_list(as_dict(observation).get("results")) or ():
        expect(result, dict, f"a result of {where}")
        text = _text(result.get("content"), where, passed)
        passed["subagent_trajectory_ref"] += bool(result.get("subagent_trajectory_ref"))
        results.append((_id(result.get("source_call_id")), text))
    return results


def _id(found: Any) -> str | None:
    """What a call is told apart by; anything else than a text is none."""
    return found if isinstance(found, str) else None


def _turn(raw: dict[str, Any], where: str, passed: Counter[str]) -> Turn:
    text = _text(raw.get("message"), where, passed)
    results = _results(raw, where, passed)
    calls = [call for call in as_list(raw.get("tool_calls")) or [] if call is not None]
    if not calls:
        step = step_of(text)
        by = "tool" if results else "user"
        return Turn(text, [step] if step else [], [[result for _, result in results]], reasoning_of(raw), by)
    actions = []
    for call in calls:
        named = as_dict(call)
        name = named.get("function_name", named.get("name"))
        actions.append(render(*read_call({"name": name, "arguments": named.get("arguments")}, where)))
    own = {_id(as_dict(call).get("tool_call_id")): [] for call in calls}
    if len(own) == len(calls) and all(call in own for call, _ in results):
        for call, result in results:
            own[call].append(result)
        return Turn(text, _beside(text, actions, calls), list(own.values()), reasoning_of(raw))
    if len(results) == len(calls) and not any(call for call, _ in results):
        return Turn(text, _beside(text, actions, calls), [[result] for _, result in results], reasoning_of(raw))
    joined = beside(text, "\n".join(actions), as_json(calls if len(calls) > 1 else calls[0]))
    return Turn(text, [joined], [[result for _, result in results]], reasoning_of(raw))


def _beside(text: str, actions: list[str], calls: list[Any]) -> list[Step]:
    """A step for each call; the turn's text belongs to the first."""
    said = [text] + [""] * (len(calls) - 1)
    return [beside(*parts, as_json(call)) for *parts, call in zip(said, actions, calls, strict=True)]


def read(row: Row, options: ReadOptions) -> Trajectory:
    steps = expect(as_list(row.data.get("steps")), list, "column 'steps'")
    opening: dict[str, list[str]] = {"system": [], "user": []}
    passed: Counter[str] = Counter()
    turns: list[Turn] = []
    for index, raw in enumerate(steps):
        where = f"step {as_dict(raw).get('step_id', index + 1)}"
        source = expect(raw, dict, where).get("source")
        if source == "agent":
            turns.append(_turn(raw, where, passed))
            continue
        texts = [_text(raw.get("message"), where, passed), *(text for _, text in _results(raw, where, passed))]
        if turns:
            turns[-1].answers[-1] += [text for text in texts if text]
        else:
            opening["system" if source == "system" else "user"] += [text for text in texts if text]
    agent = as_dict(row.data.get("agent"))
    system = with_tools(JOIN.join(opening["system"]) or None, agent.get("tool_definitions"))
    meta = {f"{role}_parts": [len(text) for text in texts] for role, texts in opening.items() if len(texts) > 1}
    if "user_parts" in meta:
        meta["problem_parts"] = meta.pop("user_parts")
    passed = Counter({kind: count for kind, count in passed.items() if count})
    meta |= {"agent": agent.get("name"), "version": row.data.get("schema_version"), "passed": dict(passed) or None}
    named = {"model": agent.get("model_name"), "trajectory_id": row.data.get("session_id"), **_known(row.data)}
    return assemble(row._replace(data=named), JOIN.join(opening["user"]), turns, system, meta=meta)


def _known(data: dict[str, Any]) -> dict[str, Any]:
    """The row's columns that say something; a null does not hide what the format has elsewhere."""
    return {key: value for key, value in data.items() if value is not None}


FORM = Form(
    name="atif",
    description="Harbor's Agent Trajectory Interchange Format (ATIF)",
    matches=matches,
    read=read,
)
