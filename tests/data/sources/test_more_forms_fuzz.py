"""Whatever a row holds: the forms of exchange formats, tool use and logs answer with a trajectory or a reason."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.sources.agent_samples import row
from tests.data.sources.agents import (
    test_atif,
    test_langchain,
    test_notebook,
    test_react,
    test_tau_bench,
    test_terminus,
)
from treadle.data.sources import known_unread
from treadle.data.sources.agents import (
    atif,
    langchain,
    notebook,
    react,
    sharegpt_calls,
    smolagents,
    step_records,
    tagged_calls,
    tau_bench,
    terminus,
    text_game,
)
from treadle.data.sources.form import ReadOptions
from treadle.files.rows import Rejected
from treadle.trajectory import Trajectory

MODULES = (
    atif,
    tau_bench,
    langchain,
    smolagents,
    notebook,
    sharegpt_calls,
    terminus,
    tagged_calls,
    react,
    step_records,
    text_game,
)
FORMS = [module.FORM for module in (*MODULES, known_unread)]
by_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)

CALL = '{"name": "f", "arguments": {"a": 1}}'
TEXTS = [
    *("", " ", "\0", "\ud800", "x", "[", "{", "[1]", CALL, f"[{CALL}, {CALL}]", f"<tool_call>{CALL}</tool_call>"),
    *("<tool_call>{", "[TOOL_CALLS][", "<functioncall> {'name': 'f'}", "[f(a=1)]", test_terminus.LS, "{" * 5000),
    *("Thought: x\nAction: y\nObservation: z\n", "Action:", "Action: Observation:", "Question: ", "[" * 5000),
    *("Your task is to: x\n> a\n> b", "> think: x\nOK.\n> look", "<response><commands></commands></response>"),
    *("user", "agent", "system", "assistant", "human", "ai", "tool", "function_call", "observation", "code", "stream"),
]
KEYS = [
    *("messages", "conversations", "traj", "steps", "cells", "intermediate_steps", "text", "trajectory", "question"),
    *("role", "from", "type", "source", "content", "value", "message", "data", "kwargs", "lc", "id", "log", "tool"),
    *("tool_calls", "args", "function", "name", "arguments", "function_name", "tool_call_id", "source_call_id"),
    *("observation", "results", "tool_input", "schema_version", "agent", "tool_definitions", "step_id", "step_number"),
    *("model_output", "code_action", "observations", "error", "task", "plan", "nbformat", "worksheets", "cell_type"),
    *("outputs", "output_type", "traceback", "text/plain", "reward", "reward_info", "task_id", "info", "result"),
    *("commands", "keystrokes", "tools", "additional_kwargs", "requestor", "tool_messages", "termination_reason"),
]
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=6),
    max_leaves=30,
)
ROWS = [
    test_atif.document(test_atif.agent("x", test_atif.call(), observation=test_atif.results(("c1", "y")))),
    test_tau_bench.traj(test_tau_bench.said("x", test_tau_bench.call()), test_tau_bench.tool("y")),
    {"messages": test_langchain.run(test_langchain.constructed)},
    {"input": "x", "intermediate_steps": [[{"tool": "f", "tool_input": {}, "log": "x"}, "y"]]},
    {"question": "x", "steps": [{"step_number": 1, "model_output": "x y", "code_action": "y", "observations": "z"}]},
    test_notebook.notebook(test_notebook.markdown("x"), test_notebook.code("y", test_notebook.printed("z"))),
    {"conversations": [{"from": "human", "value": "x"}, {"from": "function_call", "value": CALL}]},
    test_terminus.chat(test_terminus.LS, test_terminus.DONE),
    {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": f"x<tool_call>{CALL}</tool_call>"}]},
    {"question": "x", "text": test_react.PAPER},
    test_react.chat("x", "Thought: a\nAction: b\nAction Input: c", "d"),
    {"text": "Your task is to: x\n> a\nb\n> c\n"},
    {"task": "x", "steps": [{"thought": "a", "action": "b", "action_input": {"c": 1}, "observation": "d"}]},
]


@st.composite
def damaged(draw):
    """One of the rows, with some values in it replaced by anything."""
    data = json.loads(json.dumps(draw(st.sampled_from(ROWS))))
    for _ in range(draw(st.integers(1, 3))):
        holder = data
        while True:
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            if not keys:
                break
            key = draw(st.sampled_from(list(keys)))
            if isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 4)):
                holder = holder[key]
                continue
            holder[key] = draw(VALUE)
            break
    return data


def answer(form, data):
    """What the form makes of a row: neither `matches` nor `read` raises anything but `Rejected`."""
    assert form.matches(row(data)) in (True, False)
    try:
        return form.read(row(data), ReadOptions())
    except Rejected as rejected:
        return rejected


@by_form
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(), VALUE, max_size=6))
def test_any_row_is_read_or_rejected(form, data):
    assert isinstance(answer(form, data), Trajectory | Rejected)


@by_form
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_a_damaged_row_is_read_or_rejected(form, data):
    assert isinstance(answer(form, data), Trajectory | Rejected)


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>\n" * 20_000,
        '<tool_call>{"name": "f"}' * 10_000,
        "<tool_call>{" + "<think>" * 50_000,
        "<response><commands>" + "<keystrokes>" * 50_000,
        "<response><commands>" + "<analysis>" * 50_000,
        "<tool_call>f\n" + "<arg_key>" * 50_000,
        "<tool_call>{" + f"<think>{CALL}</think>" * 5_000,
        "Action:\n" * 50_000,
        "Thought: x\nAction: y\nObservation: z\n" * 10_000,
        '{"commands": ' * 30_000,
        "<response>" * 50_000,
        "[TOOL_CALLS]" * 30_000,
        "> a\n" * 50_000,
        "[f(" * 50_000,
        "your task is to " * 30_000,
    ],
    ids=lambda text: text[:12],
)
def test_long_texts_are_read_in_a_time_linear_in_their_length(text):
    chat = {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": text},
            {"role": "user", "content": "y"},
        ]
    }
    began = time.process_time()
    for form in FORMS:
        for data in (chat, {"question": "x", "text": text}):
            answer(form, data)
    assert time.process_time() - began < 10
