"""Calls as `<function=...>` text: where a block begins and ends, cut ends, real rows put together again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.sources.agent_samples import read, reason, replay, row, sample, spoken, text_of
from treadle.data.sources.agents import fenced, mini_swe_agent, openhands, swe_agent, tool_calls
from treadle.data.sources.agents.calls import render
from treadle.data.sources.agents.turns import said as said_in
from treadle.data.sources.agents.xml_calls import FORM, blocks, step_of
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

EARLIER = (swe_agent.FORM, openhands.FORM, mini_swe_agent.FORM, tool_calls.FORM)
LS = "<function=bash>\n<parameter=command>ls</parameter>\n</function>"


def chat(*turns, **more):
    messages = [{"role": "user", "content": "problem"}]
    for said, *answers in turns:
        messages.append({"role": "assistant", "content": said})
        messages += [{"role": "user", "content": answer} for answer in answers]
    return {"messages": messages, **more}


def found(text):
    return [text[block.start : block.end] for block in blocks(text)]


def test_a_trajectory_by_hand():
    data = chat((f"I look.\n\n{LS}\n", "OBSERVATION:\nout"), ("<function=submit>\n</function>",))
    first, last = read(FORM, data).steps
    assert (first.thought, first.before, first.action, first.after) == ("I look.", "\n\n", LS, "\n")
    assert (first.observation, first.call) == ("OBSERVATION:\nout", None)
    assert (last.thought, last.action, last.observation) == (None, "<function=submit>\n</function>", None)


@pytest.mark.parametrize(
    "block",
    [
        LS,
        "<function=submit>\n</function>",
        "<function=submit></function>",
        "<function=f><parameter=a></parameter></function>",
        "<function=f>\n\n<parameter=a>\n\nx\n\n</parameter>\n\n\n</function>",
        render("create", {"path": "/x", "file_text": LS}),
        render("create", {"file_text": render("create", {"file_text": LS}), "path": "/x"}),
        render("create", {"file_text": "<function=f>\n</function>\n<function=g>"}),
        render("create", {"file_text": "</function>\n\n<function=f>", "path": "/x"}),
        render("create", {"file_text": "an open <parameter=a> tag", "path": "/x"}),
        render("create", {"file_text": "a closing </parameter> tag", "path": "/x"}),
        render("create", {"file_text": "tags </parameter> and <parameter=a>", "path": "/x"}),
        render("create", {"file_text": "<function=bash>\n<parameter=command>ls", "path": "/x"}),
    ],
)
@pytest.mark.parametrize("around", [("", ""), ("I look.\n\n", "\n"), ("I `<function=bash>` it\n  ", "\nmore prose")])
def test_where_a_block_begins_and_ends(block, around):
    before, after = around
    assert found(before + block + after) == [block]
    step = step_of(before + block + after, "turn 1")
    assert (step.action, step.text) == (block, before + block + after)


@pytest.mark.parametrize(
    "prose",
    [
        "no call",
        "a <function=bash> in a line",
        "use <function=bash>\n<parameter=command>ls</parameter>\n</function>",
        "<function=>\n</function>",
        "<function=a\nb>\n</function>",
        "< function=bash>\n</function>",
    ],
)
def test_what_is_no_call(prose):
    assert blocks(prose) == []
    assert step_of(prose, "turn 1") is None


def test_a_lookalike_before_the_call_is_prose():
    text = f"The form is\n<function=NAME> with parameters.\n\n{LS}"
    assert found(text) == [LS]
    assert step_of(text, "turn 1").thought == "The form is\n<function=NAME> with parameters."


@pytest.mark.parametrize(
    "broken",
    [
        "<function=bash>\n<parameter=command>ls",
        "<function=bash>\n<parameter=command>ls\n</function>",
        "<function=bash>\nls\n</function>",
        "<function=bash>\n<parameter=command>ls</parameter>\nmore\n</function>",
        "<function=bash>\n<parameter=>ls</parameter>\n</function>",
        "<function=bash>",
        "<function=bash>\n<param",
    ],
)
def test_broken_calls(broken):
    assert reason(FORM, chat((f"x\n{broken}", "out"))) == DropReason.BROKEN_CALL


@pytest.mark.parametrize("end", ["", "\n", "\n<", "\n</", "\n</function", "</func", "\n\n"])
def test_an_end_that_a_stop_sequence_cut_off(end):
    for block in ("<function=bash>\n<parameter=command>ls</parameter>", "<function=finish>\n<"):
        text = f"x\n\n{block}{end if '<' not in block[-1] else ''}"
        step = step_of(text, "turn 1")
        assert step.text == text
        assert step.action == text[3:].rstrip()
        with pytest.raises(Rejected, match="broken_call"):
            step_of(text, "turn 1", whole=False)


def test_a_log_whose_answer_was_cut_off_by_the_token_limit():
    log = chat((LS, "out"))

    def answered(reason):
        message = {"content": "<function=bash>\n<parameter=command>ls</parameter>\n", "tool_calls": None}
        return {"choices": [{"finish_reason": reason, "message": message}]}

    trajectory = read(FORM, log | {"raw_response": answered("stop")})
    assert trajectory.steps[1].action == "<function=bash>\n<parameter=command>ls</parameter>"
    assert reason(FORM, log | {"raw_response": answered("length")}) == DropReason.BROKEN_CALL


def test_two_calls_and_no_call():
    two = f"{LS}\n\n{LS}"
    assert reason(FORM, chat((two, "out"))) == DropReason.SEVERAL_ACTIONS
    unknown = chat((LS, "out"), ("prose", "OBSERVATION:\nout"), (LS, "out"))
    assert reason(FORM, unknown) == DropReason.TURN_WITHOUT_ACTION
    assert reason(FORM, chat(("prose", "go on"), ("prose",))) == DropReason.NO_ACTIONS
    assert read(FORM, chat((LS, "out"), ("I am done.\n",))).meta["epilogue"] == "I am done.\n"


def test_rows_put_together_again(data):
    counts = []
    for name in ("swe_smith_messages.jsonl", "swe_smith_xml.jsonl"):
        for each in sample(data / "trajectories" / name):
            assert not any(form.matches(each) for form in EARLIER)
            trajectory = read(FORM, each.data)
            counts.append(len(trajectory.steps))
            assert replay(trajectory) == spoken(each.data["messages"])
            assert all(s.action.startswith("<function=") and s.action.endswith("</function>") for s in trajectory.steps)
            assert trajectory.system == each.data["messages"][0]["content"]
            assert trajectory.problem == each.data["messages"][1]["content"]
    assert counts == [15, 23, 18, 37, 44]


def test_logs_put_together_again(data):
    counts = []
    for path in sorted((data / "trajectories" / "openhands_sdk").glob("nonfncall*.json")):
        (each,) = sample(path)
        assert not any(form.matches(each) for form in EARLIER)
        trajectory = read(FORM, each.data)
        counts.append(len(trajectory.steps))
        final = each.data["raw_response"]["choices"][0]["message"]
        if "<function=" not in text_of(final["content"]):
            final = each.data["response"]["choices"][0]["message"]
        assert replay(trajectory) == spoken([*each.data["messages"], final])
        assert trajectory.system == each.data["messages"][0]["content"]  # describes the tools itself
    assert counts == [1, 4]


def test_swe_smiths_messages_as_json_text(data):
    each = sample(data / "trajectories" / "swe_smith_messages.jsonl")[0]
    as_text = each.data | {"messages": json.dumps(each.data["messages"])}
    assert read(FORM, as_text).steps == read(FORM, each.data).steps


VALUE = st.lists(
    st.sampled_from(["x", "\n", " ", "<function=f>", "</function>", "<", "é", "\0", "\ud800", "<parameter", "```"])
).map("".join)
CALL = st.builds(render, st.sampled_from(["bash", "f g"]), st.dictionaries(st.sampled_from("abc"), VALUE))
NESTED = st.builds(lambda inner, after: render("create", {"file_text": inner + after, "path": "/x"}), CALL, VALUE)


@given(prose=st.text(), call=CALL | NESTED, after=st.sampled_from(["", "\n", "\nok", " "]), answer=st.text())
def test_any_call_is_found_and_put_together_again(prose, call, after, answer):
    said = f"{prose}\n{call}{after}"
    trajectory = read(FORM, chat((said, answer)))
    (step,) = trajectory.steps
    assert (step.action, said_in(trajectory, 0), step.observation) == (call, said, answer)


TAGS = ["<function=f>", "\n<function=f>\n", "<parameter=a>", "</parameter>", "</function>", "\n", "x"]


@given(st.lists(st.sampled_from(TAGS)).map("".join))
def test_whatever_is_found_is_a_piece_of_the_text(text):
    end = 0
    for block in blocks(text):
        assert end <= block.start < block.end <= len(text)
        assert text[block.start : block.end].startswith("<function=f>")
        assert block.closed == text[: block.end].endswith("</function>")
        end = block.end
    try:
        step = step_of(text, "turn 1")
    except Rejected as rejected:
        assert rejected.reason in (DropReason.BROKEN_CALL, DropReason.SEVERAL_ACTIONS)  # noqa: PT017 - both may happen
    else:
        assert step is None or step.text == text


def test_rows_of_other_kinds():
    for data in ({}, {"messages": []}, chat(("```\nls\n```", "out")), {"problem": LS, "solution": LS}):
        assert not FORM.matches(row(data))
    assert not fenced.FORM.matches(row(chat((LS, "out"))))
