"""Events of OpenHands, of both its generations, in one small vocabulary for `agents.openhands`.

Generation 0 (`id`, `source`, and `action` with `args` or `observation` with `content`): the call is the one of
`tool_call_metadata`, found in the model's response by its id; without it, the action's name and its `args` without the
keys that are OpenHands' own bookkeeping. The thought is the text of the response, else `args.thought`. An observation
answers the action whose id is its `cause`.

Generation 1, the SDK's (`kind`): the call is `tool_call`, the thought `thought`; observations, errors and rejections
answer by `tool_call_id`.

Events about state, recalled knowledge and condensed history are no part of the conversation: they are passed over and
counted by kind.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from treadle.data.sources.agents.calls import as_json, read_call, render
from treadle.data.sources.agents.turns import beside, reasoning_of
from treadle.data.sources.form import expect
from treadle.data.sources.messages import as_dict, as_list, text_parts
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected
from treadle.trajectory import Step

_BOOKKEEPING = {
    *("thought", "blocking", "is_static", "hidden", "cwd", "confirmation_state", "is_confirmed", "security_risk"),
    *("keep_prompt", "kernel_init_code", "include_extra", "impl_source", "translated_ipython_code", "timestamp"),
}
_PASSED_ACTIONS = {
    *("null", "recall", "change_agent_state", "condensation", "condensation_request", "loop_recovery"),
    *("pause", "resume", "start", "stop"),
}
_PASSED_OBSERVATIONS = {"null", "recall", "agent_state_changed", "condense", "loop_detection"}
_V1_ANSWERS = ("ObservationEvent", "AgentErrorEvent", "UserRejectObservation")


class Event(NamedTuple):
    """What an event is to the conversation.

    Args:
        kind: `system`, `user` (somebody spoke to the agent), `said` (the agent spoke), `action`, `answer`, or `passed`.
        text: What was said or answered; the text of an action's turn; the kind of an event that is passed over.
        keys: Ids by which an answer finds its action.
        response: The id of the model's response that an action came from, where there is one.
        tools: The tools that an event of kind `system` lists.
    """

    kind: str
    text: str = ""
    step: Step | None = None
    keys: tuple[str, ...] = ()
    response: str | None = None
    reasoning: str | None = None
    tools: Any = None


def is_event(value: Any) -> bool:
    """Whether `value` looks like an event of either generation."""
    if not isinstance(value, dict) or "role" in value:
        return False
    if isinstance(value.get("kind"), str):
        return value["kind"].endswith("Event") or value["kind"] == "UserRejectObservation"
    acts = isinstance(value.get("action"), str) and isinstance(value.get("args"), dict)
    return acts or (isinstance(value.get("observation"), str) and "content" in value)


def event_of(raw: Any, where: str) -> Event:
    """The event of a history's entry.

    Raises:
        Rejected: It is none, or one whose call or text cannot be read.
    """
    expect(raw, dict, where)
    if isinstance(raw.get("kind"), str):
        return _v1(raw, where)
    if isinstance(raw.get("action"), str):
        return _v0_action(raw, where)
    if isinstance(raw.get("observation"), str):
        return _v0_answer(raw, where)
    raise Rejected(DropReason.MALFORMED, f"{where} is no event: it has neither kind, action nor observation as text")


def _v0_action(raw: dict[str, Any], where: str) -> Event:
    action, args = raw["action"], expect(raw.get("args") or {}, dict, f"args of {where}")
    by_user = raw.get("source") == "user"
    if action in ("system", "message"):
        text = expect(args.get("content", ""), (str, type(None)), f"content of {where}") or ""
        kind = "system" if action == "system" else "user" if by_user else "said"
        return Event(kind, text, tools=args.get("tools"))
    if by_user or action in _PASSED_ACTIONS:
        return Event("passed", action)
    call, text, response, reasoning = _v0_call(raw, where)
    if call is not None:
        step = beside(text, render(*read_call(call, where)), as_json(call))
    else:
        thought = args.get("thought")
        if isinstance(thought, dict):
            thought, reasoning = thought.get("text"), reasoning_of(thought)
        own = {k: v for k, v in args.items() if k not in _BOOKKEEPING and v is not None and v is not False}
        if action == "think":
            own = {"thought": thought, **own}  # its thought is what it does
        else:
            text = thought if isinstance(thought, str) else ""
        step = beside(text, render(action, own), as_json({"action": action, "args": args}))
    keys = (_key("event", raw.get("id")), _key("call", as_dict(raw.get("tool_call_metadata")).get("tool_call_id")))
    return Event("action", text, step, tuple(k for k in keys if k), response, reasoning)


def _v0_call(raw: dict[str, Any], where: str) -> tuple[Any, str, str | None, str | None]:
    """The model's call that became an action, with the text, id and reasoning of its response; `None` without one."""
    metadata = as_dict(raw.get("tool_call_metadata"))
    response = as_dict(metadata.get("model_response"))
    choice = as_dict((as_list(response.get("choices")) or [None])[0])
    message = as_dict(choice.get("message"))
    calls = as_list(message.get("tool_calls")) or []
    wanted = metadata.get("tool_call_id")
    own = [call for call in calls if isinstance(call, dict) and wanted and call.get("id") == wanted]
    if not own and len(calls) != 1:
        return None, "", None, None
    text = "".join(text_parts(message.get("content"), where))
    return (own or calls)[0], text, _key("response", response.get("id")), reasoning_of(message)


def _v0_answer(raw: dict[str, Any], where: str) -> Event:
    if raw["observation"] in _PASSED_OBSERVATIONS:
        return Event("passed", f"{raw['observation']} (observation)")
    keys = (_key("event", raw.get("cause")), _key("call", as_dict(raw.get("tool_call_metadata")).get("tool_call_id")))
    text = expect(raw.get("content"), (str, type(None)), f"content of {where}") or ""
    return Event("answer", text, keys=tuple(k for k in keys if k))


def _v1(raw: dict[str, Any], where: str) -> Event:
    kind = raw["kind"]
    keys = tuple(k for k in (_key("call", raw.get("tool_call_id")), _key("event", raw.get("action_id"))) if k)
    if kind == "SystemPromptEvent":
        parts = [as_dict(raw.get(name)).get("text") for name in ("system_prompt", "dynamic_context")]
        return Event("system", "\n\n".join(text for text in parts if isinstance(text, str)), tools=raw.get("tools"))
    if kind == "MessageEvent":
        message = as_dict(raw.get("llm_message"))
        text = _v1_text(message.get("content"), raw, where)
        return Event("said" if raw.get("source") == "agent" else "user", text, reasoning=reasoning_of(message))
    if kind == "ActionEvent":
        call = raw.get("tool_call")
        if call is None and isinstance(raw.get("action"), dict):
            arguments = {key: value for key, value in raw["action"].items() if key != "kind"}
            call = {"name": raw.get("tool_name"), "arguments": arguments}
        text = "".join(text_parts(raw.get("thought"), where))
        step = beside(text, render(*read_call(call, where)), as_json(call))
        own = tuple(k for k in (*keys, _key("event", raw.get("id"))) if k)
        return Event("action", text, step, own, _key("response", raw.get("llm_response_id")), reasoning_of(raw))
    if kind not in _V1_ANSWERS:
        return Event("passed", kind)
    if kind == "ObservationEvent":
        result = as_dict(raw.get("observation"))
        content = next((result[key] for key in ("content", "output") if result.get(key) is not None), None)
        return Event("answer", _v1_text(content, raw, where), keys=keys)
    text = raw.get("error" if kind == "AgentErrorEvent" else "rejection_reason")
    return Event("answer", expect(text, str, f"text of {where}"), keys=keys)


def _v1_text(content: Any, raw: dict[str, Any], where: str) -> str:
    return "".join([*text_parts(content, where), *text_parts(raw.get("extended_content"), where)])


def _key(kind: str, value: Any) -> str | None:
    return f"{kind} {value}" if isinstance(value, str | int) and value != "" else None
