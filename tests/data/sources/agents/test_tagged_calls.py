"""Calls between tags: Hermes, Qwen, Glaive, Mistral, Llama; calls as code; put together again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, reason, row
from treadle.data.sources import registry
from treadle.data.sources.agents.tagged_calls import FORM
from treadle.data.sources.report import DropReason

CALL = '{"name": "weather", "arguments": {"city": "Bonn"}}'
TEXT = "<function=weather>\n<parameter=city>Bonn</parameter>\n</function>"
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": {}}}]


def chat(*turns, **more):
    return {"conversations": [{"from": who, "value": text} for who, text in turns], **more}


def source(steps):
    return "".join((s.thought or "") + s.before + (s.call if s.call is not None else s.action) + s.after for s in steps)


def test_hermes_by_hand():
    said = f"I ask.\n<tool_call>\n{CALL}\n</tool_call>"
    answer = '<tool_response>\n{"t": 9}\n</tool_response>'
    turns = (("system", "<tools>[]</tools>"), ("human", "Weather?"), ("gpt", said), ("tool", answer), ("gpt", "9."))
    trajectory = read(FORM, chat(*turns, tools=json.dumps(TOOLS)))
    (step,) = trajectory.steps
    assert (step.action, step.thought, step.call, step.observation) == (TEXT, "I ask.", CALL, answer)
    assert (step.before, step.after, trajectory.system) == ("\n<tool_call>\n", "\n</tool_call>", "<tools>[]</tools>")
    assert trajectory.meta["epilogue"] == "9."
    assert registry.detect(row(chat(*turns))).name == "tagged-calls"


def test_qwen_has_both_results_in_one_user_message():
    other = CALL.replace("Bonn", "Rome")
    said = f"<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{other}\n</tool_call>"
    answer = "<tool_response>\n9\n</tool_response>\n<tool_response>\n21\n</tool_response>"
    data = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": said}]}
    data["messages"] += [{"role": "user", "content": answer}, {"role": "assistant", "content": "Rome."}]
    first, second = read(FORM, data).steps
    assert f"{first.observation}\n{second.observation}" == answer
    assert first.observation == "<tool_response>\n9\n</tool_response>"
    assert (first.thought, second.thought, source([first, second])) == (None, None, said)


def test_a_call_that_the_reasoning_quotes_is_none():
    said = f"<think>\nmaybe <tool_call>\n{CALL}\n</tool_call>\n</think>\n<tool_call>\n{CALL}\n</tool_call>"
    (step,) = read(FORM, chat(("human", "x"), ("gpt", said), ("tool", "9"))).steps
    assert step.action == TEXT
    assert "maybe <tool_call>" in step.thought


def test_a_scratch_pad_belongs_to_the_thought():
    said = f"<scratch_pad>\nGoal: weather\n</scratch_pad>\n<tool_call>\n{CALL}\n</tool_call>"
    (step,) = read(FORM, chat(("human", "x"), ("gpt", said), ("tool", "9"))).steps
    assert "Goal: weather" in step.thought
    assert "tool_call" not in step.thought


@pytest.mark.parametrize(
    "said",
    [
        f"<functioncall> {CALL} <|endoftext|>",
        f"[TOOL_CALLS][{CALL}]",
        f"<|python_tag|>{CALL}<|eom_id|>",
        f"<tool_calls>\n[{CALL}]\n</tool_calls>",
        f"<function_call>{CALL}</function_call>",
        f"<tool_call>\n{CALL}",
        '<functioncall> {"name": "weather", "arguments": \'{"city": "Bonn"}\'} <|endoftext|>',
        "<tool_call>\n{'name': 'weather', 'arguments': {'city': 'Bonn'}}\n</tool_call>",
        "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Bonn</arg_value>\n</tool_call>",
    ],
)
def test_other_tags(said):
    (step,) = read(FORM, chat(("human", "x"), ("gpt", said), ("tool", "9"), ("gpt", "ok"))).steps
    assert (step.action, step.thought, step.observation) == (TEXT, None, "9")
    assert source([step]) == said


def test_a_block_between_tags_is_the_action_as_it_stands():
    said = f"I look.\n<tool_call>\n{TEXT}\n</tool_call>"
    (step,) = read(FORM, chat(("human", "x"), ("gpt", said), ("user", "<tool_response>9</tool_response>"))).steps
    assert (step.action, step.call, step.thought, source([step])) == (TEXT, None, "I look.", said)


def test_calls_as_code_are_one_action():
    said = '[Get Weather(city="Bonn"), Get Weather(city="Rome")]'
    trajectory = read(FORM, chat(("user", "x"), ("assistant", said), ("tool", "[9, 21]"), ("assistant", "Rome.")))
    (step,) = trajectory.steps
    assert (step.action, step.observation, step.text) == (said, "[9, 21]", said)


@pytest.mark.parametrize("said", ["I use <tool_call> tags.", "[1, 2]", "[see here](http://x)", "plain"])
def test_prose_is_not_of_this_form(said):
    assert FORM.matches(row(chat(("human", "x"), ("gpt", said)))) is False


def test_a_broken_call_is_dropped_with_what_was_found():
    assert reason(FORM, chat(("human", "x"), ("gpt", '<tool_call>{"name": </tool_call>'))) == DropReason.BROKEN_CALL


PROSE = st.text(st.characters(exclude_characters="<>`[]{},;", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(PROSE, PROSE), min_size=1, max_size=4), PROSE)
def test_the_pieces_of_a_turn_put_together_are_its_text(calls, tail):
    said = "".join(
        f"{prose}<tool_call>\n{json.dumps({'name': 'f', 'arguments': {'a': value}})}\n</tool_call>"
        for prose, value in calls
    )
    answers = [("tool", str(k)) for k in range(len(calls))]
    trajectory = read(FORM, chat(("human", "x"), ("gpt", said + tail), *answers))
    assert source(trajectory.steps) == said + tail
    assert [step.observation for step in trajectory.steps] == [text for _, text in answers]


INVOKE = '<invoke name="weather">\n<parameter name="city">Bonn</parameter>\n</invoke>'
DEEPSEEK = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"


@pytest.mark.parametrize(
    "said",
    [
        f"<function_calls>\n{INVOKE}\n</function_calls>",
        f"<minimax:tool_call>\n{INVOKE}\n</minimax:tool_call>",
        '<function=weather>{"city": "Bonn"}</function>',
        DEEPSEEK.format('function<｜tool▁sep｜>weather\n```json\n{"city": "Bonn"}\n```'),
        DEEPSEEK.format('weather<｜tool▁sep｜>{"city": "Bonn"}'),
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
        '{"city": "Bonn"}<|tool_call_end|><|tool_calls_section_end|>',
    ],
)
def test_marks_of_models(said):
    data = chat(("human", "Weather?"), ("gpt", f"I ask.\n{said}"), ("tool", "9"), ("gpt", "9 degrees."))
    trajectory = read(FORM, data)
    (step,) = trajectory.steps
    assert (step.action, step.thought, step.observation) == (TEXT, "I ask.", "9")
    assert source([step]) == f"I ask.\n{said}"
    assert registry.detect(row(data)).name == "tagged-calls"


def test_codeact():
    rules = "Write code between <execute> and </execute>, the answer as <solution>."
    said = "I add.\n<execute>\nprint(2 + 2)\n</execute>"
    turns = (("human", "2 + 2?"), ("gpt", said), ("human", "Observation:\n4"), ("gpt", "So\n<solution> 4 </solution>"))
    trajectory = read(FORM, chat(("system", rules), *turns, answer="4"))
    first, last = trajectory.steps
    assert (first.action, first.thought, first.observation) == ("print(2 + 2)", "I add.", "Observation:\n4")
    assert (first.text, last.action) == (said, "<solution> 4 </solution>")
    assert (trajectory.verified, trajectory.answer) == (True, "4")


def test_a_block_that_names_its_tool_is_the_action():
    said = "I list.\n<execute_bash>\nls\n</execute_bash>"
    (step,) = read(FORM, chat(("human", "x"), ("gpt", said), ("human", "OBSERVATION:\na"))).steps
    assert (step.action, step.thought) == ("<execute_bash>\nls\n</execute_bash>", "I list.")


@pytest.mark.parametrize("said", ["<execute>\nls", '<invoke name="x">', "<function=f>{", "the tag <execute> runs code"])
def test_marks_that_are_not_closed_are_no_call(said):
    assert not FORM.matches(row(chat(("human", "x"), ("gpt", said), ("tool", "9"))))


def test_several_blocks_with_one_result_are_dropped():
    said = "<execute>\na\n</execute>\n<execute>\nb\n</execute>"
    assert (
        reason(FORM, chat(("human", "x"), ("gpt", said), ("human", "4"), ("gpt", said))) == DropReason.SEVERAL_ACTIONS
    )


def test_a_broken_call_that_the_harness_refused_did_nothing():
    broken, told = (
        '<tool_call>\n{"name": "w", "arguments": \n</tool_call>',
        "Error: your function call is not valid JSON.",
    )
    good = f"<tool_call>\n{CALL}\n</tool_call>"
    trajectory = read(FORM, chat(("human", "x"), ("gpt", broken), ("human", told), ("gpt", good), ("tool", "9")))
    assert trajectory.meta["talk"] == [[0, broken, told]]
    assert len(trajectory.steps) == 1
