"""ShareGPT's calls as messages of their own: LLaMA-Factory's and ms-swift's roles, put together again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import parts_of, read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.sharegpt_calls import FORM
from treadle.data.sources.report import DropReason

CALL = '{"name": "weather", "arguments": {"city": "Bonn", "days": 2}}'
TEXT = "<function=weather>\n<parameter=city>Bonn</parameter>\n<parameter=days>2</parameter>\n</function>"
TOOLS = '[{"name": "weather", "description": "d", "parameters": {"properties": {"city": {"type": "string"}}}}]'


def chat(*turns, **more):
    return {"conversations": [{"from": who, "value": text} for who, text in turns], **more}


def test_llama_factory_by_hand():
    turns = (("human", "Weather?"), ("function_call", CALL), ("observation", '{"t": 9}'), ("gpt", "It is 9 degrees."))
    trajectory = read(FORM, chat(*turns, tools=TOOLS, system="rules"))
    (step,) = trajectory.steps
    assert (step.action, step.observation, step.call, step.thought) == (TEXT, '{"t": 9}', CALL, None)
    assert (trajectory.problem, trajectory.meta["epilogue"]) == ("Weather?", "It is 9 degrees.")
    assert trajectory.system.startswith("rules\n\n")
    assert "weather: d" in trajectory.system
    assert registry.detect(row(chat(*turns))).name == "sharegpt-calls"


def test_ms_swift_with_parallel_calls_and_words_before():
    other = CALL.replace("Bonn", "Rome")
    turns = [("user", "Compare."), ("assistant", "I ask twice."), ("tool_call", CALL), ("tool_call", other)]
    turns += [("tool_response", "9"), ("tool_response", "21"), ("assistant", "Rome.")]
    trajectory = read(FORM, {"messages": [{"role": who, "content": text} for who, text in turns]})
    assert [step.observation for step in trajectory.steps] == ["9", "21"]
    assert [step.thought for step in trajectory.steps] == ["I ask twice.", None]
    assert [step.call for step in trajectory.steps] == [CALL, other]


def test_a_list_of_calls_and_a_list_of_results():
    answers = '[{"t": 9}, {"t": 21}]'
    data = chat(("human", "x"), ("function_call", f"[{CALL}, {CALL}]"), ("observation", answers), ("gpt", "ok"))
    first, second = read(FORM, data).steps
    assert (first.observation, second.observation) == ('{"t": 9}', '{"t": 21}')
    assert (first.call, second.call) == (CALL, CALL)


def test_reasoning_before_a_call():
    data = chat(("human", "x"), ("function_call", f"<think>\nhm {{}}\n</think>\n\n{CALL}"), ("observation", "9"))
    (step,) = read(FORM, data).steps
    assert step.action == TEXT
    assert "hm {}" in step.thought


def test_calls_as_function_blocks():
    block = "<function=execute_bash>\n<parameter=command>ls</parameter>\n</function>"
    data = chat(("system", "s"), ("human", "x"), ("function_call", f"I look.\n\n{block}"), ("observation", "a"))
    (step,) = read(FORM, data).steps
    assert (step.action, step.thought, step.observation) == (block, "I look.", "a")


def test_parts_of_llama_factorys_newer_form():
    def message(role, *parts):
        return {"role": role, "content": [{"type": kind, "value": value} for kind, value in parts]}

    messages = [
        message("system", ("text", "rules")),
        message("user", ("text", "Weather?")),
        message("assistant", ("reasoning", "hm"), ("text", "I ask."), ("tool_call", CALL), ("tool_call", CALL)),
        message("tool", ("text", "[9, 21]")),
        message("assistant", ("reasoning", "so"), ("text", "It is 9.")),
    ]
    trajectory = read(FORM, {"messages": messages, "tools": TOOLS})
    assert [(step.action, step.call) for step in trajectory.steps] == [(TEXT, CALL), (TEXT, CALL)]
    assert trajectory.steps[0].thought.endswith("I ask.")
    assert [step.observation for step in trajectory.steps] == ["9", "21"]
    assert (trajectory.problem, trajectory.meta["epilogue"]) == ("Weather?", "It is 9.")
    assert trajectory.meta["reasoning"]["0"] == "hm"


def test_calls_at_the_end_have_no_result():
    steps = read(FORM, chat(("human", "x"), ("function_call", f"{CALL}\n{CALL}"))).steps
    assert [step.observation for step in steps] == [None, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{'name': 'weather', 'arguments': {'city': 'Bonn', 'days': 2}}", TEXT),
        ('{"name": "weather", "parameters": {"city": "Bonn", "days": 2}}', TEXT),
        ('{"function": {"name": "weather", "arguments": "{\\"city\\": \\"Bonn\\", \\"days\\": 2}"}}', TEXT),
        ('{"name": "now"}', "<function=now>\n</function>"),
        (
            '{"name": "now", "arguments": {"zone": null}}',
            "<function=now>\n<parameter=zone>null</parameter>\n</function>",
        ),
    ],
)
def test_spellings_of_a_call(value, expected):
    (step,) = read(FORM, chat(("human", "x"), ("function_call", value), ("observation", "9"))).steps
    assert (step.action, step.call) == (expected, value)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([("function_call", "no call at all"), ("observation", "9")], DropReason.BROKEN_CALL),
        ([("function_call", '{"arguments": {}}'), ("observation", "9")], DropReason.BROKEN_CALL),
        ([("function_call", f"{CALL}\n{CALL}"), ("observation", "9")], DropReason.SEVERAL_ACTIONS),
        ([("function_call", ""), ("observation", "9")], DropReason.BROKEN_CALL),
    ],
)
def test_what_cannot_be_used_is_dropped(turns, expected):
    assert reason(FORM, chat(("human", "x"), *turns)) == expected


TEXTS = st.text(st.characters(exclude_characters="<>`[]{},", exclude_categories=["Cs"]), max_size=20)
CALLS = st.builds(
    lambda n, a: json.dumps({"name": n, "arguments": a}), st.sampled_from("ab"), st.dictionaries(TEXTS, TEXTS)
)


@given(st.lists(st.tuples(TEXTS, CALLS, st.text(max_size=9)), min_size=1, max_size=4))
def test_thought_call_and_observation_put_together_are_the_source(turns):
    messages = [("human", "x")]
    for said, call, answer in turns:
        messages += [("gpt", said), ("function_call", call), ("observation", answer)]
    trajectory = read(FORM, chat(*messages))
    put_together = [
        ((step.thought or "") + step.before + step.call + step.after, parts_of(trajectory, k))
        for k, step in enumerate(trajectory.steps)
    ]
    assert put_together == [(said + call, [answer]) for said, call, answer in turns]


def test_parts_of_the_newer_form_are_told_from_other_parts():
    call = {"type": "tool_call", "value": '{"name": "weather", "arguments": {"city": "Bonn"}}'}
    text = {"type": "text", "value": "Weather?"}
    roles = (("user", [text]), ("assistant", [call]), ("tool", [{"type": "text", "value": "9"}]))
    data = {"messages": [{"role": role, "content": parts} for role, parts in roles]}
    assert registry.detect(row(data)).name == "sharegpt-calls"
    assert read(FORM, data).problem == "Weather?"
