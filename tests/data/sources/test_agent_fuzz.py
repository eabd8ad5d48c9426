"""Whatever a row holds: forms of agents answer with a trajectory or a reason, and quickly."""

from __future__ import annotations

import json
import time
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.sources.agent_samples import row
from tests.data.sources.agents import (
    test_anthropic,
    test_claude_code,
    test_codex,
    test_dataclaw,
    test_openhands,
    test_responses,
)
from treadle.data.sources.agents import (
    anthropic,
    claude_code,
    codex,
    dataclaw,
    fenced,
    mini_swe_agent,
    mini_swe_agent_responses,
    openhands,
    responses,
    swe_agent,
    tool_calls,
    xml_calls,
)
from treadle.data.sources.form import ReadOptions
from treadle.files.rows import Rejected
from treadle.trajectory import Trajectory

FORMS = [module.FORM for module in (swe_agent, openhands, mini_swe_agent, tool_calls, xml_calls, fenced)]
FORMS += [module.FORM for module in (claude_code, codex, mini_swe_agent_responses, anthropic, responses, dataclaw)]
by_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)

TEXTS = [
    "text",
    "",
    " ",
    "\0",
    "\ud800",
    "x\n<function=bash>\n<parameter=command>ls</parameter>\n</function>",
    "```bash\nls\n```",
    "```\nls\n```",
    "<function=",
    "[1]",
    '{"command": "ls"}',
    "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT",
    *("assistant", "user", "system", "tool", "ai", "message", "run", "think", "finish", "bash", "a"),
    *("ActionEvent", "ObservationEvent", "MessageEvent", "SystemPromptEvent", "AgentErrorEvent"),
]
KEYS = [
    *("messages", "conversations", "trajectory", "history", "events", "response", "raw_response", "choices", "message"),
    *("role", "from", "content", "value", "text", "type", "tool_calls", "function_call", "function", "name"),
    *("arguments", "id", "tool_call_id", "tool_call_ids", "tools", "parameters", "properties", "required", "enum"),
    *("action", "observation", "thought", "args", "cause", "source", "kind", "llm_message", "tool_call", "extras"),
    *("instance_id", "info", "exit_status", "replay_config", "problem_statement", "traj_id", "run_id", "model_patch"),
    *("claude_code_session", "codex_session", "uuid", "parentUuid", "payload", "input", "output", "items", "call_id"),
    *(
        "tool_uses",
        "tool",
        "tool_use_id",
        "thinking",
        "summary",
        "isSidechain",
        "system",
        "object",
        "isMeta",
        "attachment",
        "num_turns",
    ),
    *("tool_call_metadata", "model_response", "is_demo", "query", "extra", "test_result", "finish_reason", "kwargs"),
]
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=6),
    max_leaves=30,
)
CALL = {"function": {"name": "bash", "arguments": '{"command": "ls"}'}, "id": "a", "type": "function"}
OPENING = [{"role": "system", "content": "rules"}, {"role": "user", "content": "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}]


def chat(said, **more):
    return [
        *OPENING,
        {"role": "assistant", "content": said, **more},
        {"role": "tool", "content": "out", "tool_call_id": "a"},
    ]


ENTRY = {"action": "ls\n", "observation": "out", "thought": "x\n", "response": "x\n```\nls\n```"}
ROWS = [
    {"messages": chat("x", tool_calls=[CALL, {**CALL, "id": "b"}]), "tools": [CALL], "instance_id": "a__b-1"},
    {
        "messages": chat("x", function_call=CALL["function"]),
        "response": {"choices": [{"message": {"tool_calls": [CALL]}}]},
    },
    {"messages": json.dumps(chat(TEXTS[5])), "traj_id": "t", "info": {"exit_status": "submitted"}},
    {
        "conversations": [
            {"from": "human", "value": "x"},
            {"from": "gpt", "value": TEXTS[7]},
            {"from": "human", "value": ""},
        ]
    },
    {"messages": chat(TEXTS[6], extra={"actions": []}), "trajectory_format": "mini-swe-agent-1.1"},
    {"trajectory": [ENTRY, ENTRY], "history": chat("x", thought="x", action="ls"), "replay_config": {"agent": {}}},
    {"history": chat("x", thought="x", action="ls", tool_calls=[CALL])},
    {"trajectory": [{"role": "user", "text": "p"}, {"role": "ai", "text": TEXTS[7]}], "target": True},
    {"history": [*test_openhands.OPENING, test_openhands.acted(5, test_openhands.call()), test_openhands.result(5)]},
    {"history": [*test_openhands.V1_OPENING, test_openhands.v1_call("a", ["x"]), test_openhands.v1_result("a", "out")]},
    {"instance_id": "a__b-1", "model_patch": "diff"},
    test_anthropic.chat(
        test_anthropic.assistant({"type": "thinking", "thinking": "x"}, test_anthropic.use("a")),
        test_anthropic.user(test_anthropic.result("a", [{"type": "text", "text": "x"}])),
    ),
    test_claude_code.session(test_claude_code.START, test_claude_code.LOOK, test_claude_code.SEEN),
    test_dataclaw.session({"role": "assistant", "thinking": "x", "tool_uses": [test_dataclaw.use("Read", "x")]}),
    test_codex.session(
        *map(
            test_codex.item, (test_codex.message("user", "x"), test_codex.shell("a", "ls"), test_codex.output("a", "x"))
        ),
        test_codex.told("thread_rolled_back", num_turns=1),
        *map(test_codex.item, (test_codex.thought("x"), test_codex.shell("b", "ls"))),
    ),
    {"input": [test_responses.ASKED, *test_responses.ACTED], "output": [test_responses.SAID]},
    {
        "messages": [test_responses.ASKED, {"object": "response", "output": test_responses.ACTED}],
        "trajectory_format": "mini-swe-agent-1.1",
    },
]


def check(form, data):
    """Reads the row whether or not the form claims it, as `--format` does."""
    matched = form.matches(row(data))
    assert matched is True or matched is False
    try:
        trajectory = form.read(row(data), ReadOptions())
    except Rejected as rejected:
        return rejected
    assert isinstance(trajectory, Trajectory)
    json.dumps(trajectory.meta)
    return trajectory


def spots(value, put):
    """Each place of a value with a function that puts something else there into a copy of the whole."""
    yield value, put
    if isinstance(value, dict):
        for key in value:
            yield from spots(value[key], lambda new, key=key: put({**value, key: new}))
    elif isinstance(value, list):
        for k in range(len(value)):
            yield from spots(value[k], lambda new, k=k: put([*value[:k], new, *value[k + 1 :]]))


def without(value, data):
    """A dict without one of its keys, or a list without one of its entries or with one twice."""
    if isinstance(value, dict) and value:
        key = data.draw(st.sampled_from(sorted(value)))
        return {k: v for k, v in value.items() if k != key}
    if isinstance(value, list) and value:
        k = data.draw(st.integers(0, len(value) - 1))
        return data.draw(st.sampled_from([value[:k] + value[k + 1 :], [*value, value[k]], value[::-1]]))
    return None


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.dictionaries(st.sampled_from(KEYS) | st.text(), VALUE, max_size=6))
def test_arbitrary_rows(data):
    for form in FORMS:
        check(form, data)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_rows_with_something_changed(data):
    whole = data.draw(st.sampled_from(ROWS))
    for _ in range(data.draw(st.integers(1, 3))):
        value, put = data.draw(st.sampled_from(list(spots(whole, lambda new: new))))
        changed = put(data.draw(VALUE) if data.draw(st.booleans()) else without(value, data))
        whole = changed if isinstance(changed, dict) else whole
    for form in FORMS:
        check(form, whole)


@by_form
def test_the_unchanged_rows(form):
    for data in ROWS:
        check(form, data)


@pytest.mark.parametrize("data", ROWS, ids=range(len(ROWS)))
def test_each_unchanged_row_has_a_form(data):
    assert any(form.matches(row(data)) for form in FORMS)


@pytest.mark.parametrize(
    "data",
    [
        {"problem": "1 + 1?", "solution": "1. **Add** 2", "answer": "2"},
        {"question": "x", "deepseek_attempt": "```python\nx\n```", "deepseek_thinking_trajectory": "hm"},
        {"question": "x", "answer": "2 #### 2"},
        {
            "messages": [
                {"role": "user", "content": "1 + 1?"},
                {"role": "assistant", "content": "### Step 1\n```\n2\n```"},
            ]
        },
        {"problem": "x", "trajectory": "hm", "messages": "none"},
        {"id": "t", "problem": "x", "steps": [{"action": "a"}], "meta": "{}"},
    ],
)
def test_rows_of_mathematics_are_left_alone(data):
    assert not any(form.matches(row(data)) for form in FORMS)


MEGABYTE = 1_000_000
CHUNKS = [
    "<function=",
    "<function=a>\n",
    "<function=a>\n<parameter=b>",
    "<function=a>\n<parameter=b></parameter>",
    "<parameter=b></parameter>\n",
    "<parameter=b>",
    "</parameter>\n",
    "\n</function>",
    "```",
    "```\n",
    "```bash\n",
    "```bash\n\n",
    "```mswea_bash_command\n\n```",
    "\n```x",
    "`",
    " ",
    "\n",
    "\t\n",
    "[",
    '{"a":',
]


def shapes(text):
    yield {"messages": [*OPENING, {"role": "assistant", "content": text}, {"role": "user", "content": text}]}
    yield {"messages": [*OPENING, {"role": "assistant", "content": text, "tool_calls": text}]}
    call = {"function": {"name": "f", "arguments": text}}
    yield {"messages": [*OPENING, {"role": "assistant", "content": text, "tool_calls": [call]}]}
    yield {"trajectory": [{"response": text, "thought": text[:-1], "action": text[-9:] + "x", "observation": text}]}
    yield {
        "trajectory": [{"response": text, "thought": "", "action": text[-9:], "observation": text}],
        "history": OPENING,
    }
    yield {"trajectory": [{"role": "user", "text": text}, {"role": "ai", "text": text}]}
    yield {"messages": text, "history": text, "trajectory": text}


@pytest.mark.slow
@pytest.mark.parametrize("chunk", CHUNKS, ids=repr)
def test_a_megabyte_of_anything_is_read_at_once(chunk):
    text = chunk * (MEGABYTE // len(chunk))
    for data in shapes(text):
        for form in FORMS:
            began = time.process_time()
            check(form, data)
            assert time.process_time() - began < 5  # seconds; what is not linear takes minutes


def test_calls_that_share_their_tail_are_read_at_once():
    heads = "<function=a>\n<parameter=b>" * 10_000 + "</parameter>" * 10_000
    text = heads + "<parameter=c></parameter>\n" * 20_000 + "x"
    began = time.process_time()
    check(xml_calls.FORM, {"messages": chat(text)})
    assert time.process_time() - began < 5  # seconds; what is not linear takes minutes


@by_form
def test_many_turns_are_read_at_once(form):
    turns = [m for _ in range(3_000) for m in chat(TEXTS[5], tool_calls=[CALL])[2:]]
    calls = partial(test_openhands.acted, text="x")
    events = [calls(k, test_openhands.call(i=str(k))) for k in range(3_000)]
    for data in (
        {"messages": OPENING + turns},
        {"messages": chat("x", tool_calls=[{**CALL, "id": str(k)} for k in range(3_000)])},
        {"trajectory": [ENTRY] * 3_000, "history": turns},
        {"history": [*test_openhands.OPENING, *events]},
        test_claude_code.chain(test_claude_code.START, *[test_claude_code.LOOK, test_claude_code.SEEN] * 1_500),
        test_anthropic.chat(test_anthropic.assistant(*[test_anthropic.use(str(k)) for k in range(3_000)])),
        {"items": [test_responses.ASKED, *test_responses.ACTED * 1_500]},
    ):
        began = time.process_time()
        check(form, data)
        assert time.process_time() - began < 5  # seconds; what is not linear takes minutes
