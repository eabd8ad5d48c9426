"""Programs with their output inside one answer. The shapes are those that ToRA, NuminaMath-TIR, OpenMathInstruct-1,
MathCodeInstruct and ReTool publish; the rows are our own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import DropReason
from treadle.data.instances import step_instances
from treadle.data.sources.columns import parse_columns
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.math.tora import FORM
from treadle.data.sources.registry import detect
from treadle.files.rows import Rejected, Row

FENCES = "I add.\n```python\nprint(1+1)\n```\n```output\n2\n```\nSo $\\boxed{2}$."
TAGS = "I add.\n<llm-code>\n1+1\n</llm-code>\n<llm-code-output>\n2\n</llm-code-output>\nSo \\boxed{2}."
TOKENS = (
    "<|text|>I add.<|endofblock|><|code|>print(1+1)<|endofblock|><|execution|>2<|endofblock|>"
    "<|text|>So \\boxed{2}.<|endofblock|><|endofmessage|>"
)
RETOOL = "I add.\n<code>\n```python\nprint(1+1)\n```\n</code>\n<interpreter>\n2\n</interpreter>\n\\boxed{2}"


def row(data):
    return Row(data, "f, line 1", "f", 1)


def read(data, columns=None):
    assert columns or FORM.matches(row(data))
    return FORM.read(row(data), ReadOptions(columns))


def source(trajectory):
    meta = trajectory.meta
    told = zip(trajectory.steps, meta["after_outputs"], strict=True)
    return meta["preamble"] + "".join(s.text + (s.observation or "") + after for s, after in told) + meta["epilogue"]


def seen(trajectory):
    return [(step.thought, step.action, step.observation) for step in trajectory.steps]


@pytest.mark.parametrize(
    ("text", "program"), [(FENCES, "print(1+1)"), (TAGS, "1+1"), (TOKENS, "print(1+1)"), (RETOOL, "print(1+1)")]
)
def test_a_program_is_a_step_its_output_the_observation(text, program):
    trajectory = read({"question": "What is 1+1?", "response": text})
    assert seen(trajectory) == [("I add.", program, "2")]
    assert (trajectory.answer, trajectory.domain) == ("2", "python")
    assert "boxed" in trajectory.meta["epilogue"]
    assert source(trajectory) == text


def chat(text, question="What is 1+1?", **keys):
    keys = {"role": "role", "content": "content", "user": "user", "assistant": "assistant"} | keys
    roles = [("user", question), ("assistant", text)]
    return [{keys["role"]: keys[role], keys["content"]: content} for role, content in roles]


@pytest.mark.parametrize(
    "data",
    [
        {"messages": chat(FENCES)},
        {"messages": [{"role": "system", "content": "Use Python."}, *chat(FENCES)]},
        {"conversations": chat(FENCES, role="from", content="value", user="human", assistant="gpt")},
        {"problem": "What is 1+1?", "solution": FENCES, "messages": chat(FENCES)},
        {"question": "What is 1+1?", "generated_solution": TAGS, "expected_answer": "2", "is_correct": True},
        {"prompt": "What is 1+1?", "completion": [{"role": "assistant", "content": FENCES}]},
    ],
)
def test_rows_of_published_sets(data):
    assert detect(row(data)) is FORM
    trajectory = read(data)
    assert trajectory.problem == "What is 1+1?"
    assert trajectory.answer == "2"
    assert len(trajectory.steps) == 1


def test_answers_in_blocks():
    blocks = [("text", "I add."), ("code", "print(1+1)\n"), ("execution", "2"), ("text", "So \\boxed{2}.")]
    for key in ("type", "role"):
        answer = [{key: kind, "content": content} for kind, content in blocks]
        trajectory = read({"messages": chat(answer, [{key: "text", "content": "What is 1+1?"}])})
        assert seen(trajectory) == [("I add.", "print(1+1)", "2")]
        assert source(trajectory) == "".join(content for _, content in blocks)


def test_several_programs_some_of_them_without_output():
    text = (
        "First.\n\n```python\nx = 1\n```\n\nThen\n```python\nprint(x)\n\n```\n\n```output\n1\n\n2\n```\n"
        "```python\n1/0\n```\n```output\n\n```\n"
    )
    trajectory = read({"question": "q", "response": text})
    assert seen(trajectory) == [("First.", "x = 1", None), ("Then", "print(x)", "1\n\n2"), (None, "1/0", "")]
    assert trajectory.meta["epilogue"] == "\n"
    assert source(trajectory) == text


def test_what_the_row_says_about_success():
    assert read({"question": "q", "response": FENCES, "is_correct": False}).verified is False
    assert read({"question": "q", "response": FENCES, "expected_answer": "3"}).verified is False
    assert read({"question": "q", "response": FENCES, "expected_answer": "2"}).verified is True


def test_prompts_show_programs_and_what_they_printed():
    text = FENCES.replace("So", "Again.\n```python\nprint(3)\n```\n```output\n3\n```\nSo")
    first, second = step_instances(read({"question": "What is 1+1?", "response": text}), targets="all")
    assert "without a fence" in first.prompt[0]["content"]
    assert first.prompt[0]["content"].endswith("So far:\n(nothing yet)")
    assert second.prompt[0]["content"].endswith("Program 1:\nprint(1+1)\nOutput 1:\n2")
    assert "I add." not in second.prompt[0]["content"]


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("```output\n2\n```\n```python\n1\n```", DropReason.MALFORMED, "piece 1 is an output without a program"),
        (FENCES + "\n```output\n3\n```", DropReason.MALFORMED, "without a program before it: 3"),
        ("```python\n\n```\n```output\n2\n```", DropReason.EMPTY_ACTION, "program 1 is empty"),
        (FENCES + "\n```python\nprint(", DropReason.MALFORMED, "the end of a program or an output is missing"),
        (FENCES + "\n```python\nx\n```\n```output\n5", DropReason.MALFORMED, "is missing: ```output 5"),
    ],
)
def test_reasons(text, reason, said):
    with pytest.raises(Rejected) as rejected:
        read({"question": "q", "response": text})
    assert rejected.value.reason is reason
    assert said in " ".join(rejected.value.detail.split())


def test_columns_by_name():
    columns = parse_columns("problem=q,solution=a")
    assert len(read({"q": "x", "a": FENCES}, columns).steps) == 1
    for data, reason in ((({"q": "x"}), DropReason.MISSING_COLUMN), ({"q": "x", "a": "no"}, DropReason.NO_ACTIONS)):
        with pytest.raises(Rejected) as rejected:
            read(data, columns)
        assert rejected.value.reason is reason


@pytest.mark.parametrize(
    "data",
    [
        {"question": "q", "response": "```python\nprint(1)\n```\nThat is all."},  # nothing says what it printed
        {"question": "q", "response": "```output\n1\n```"},
        {"response": FENCES},
        {"messages": chat("no code")},
        {"messages": chat(FENCES)[1:]},
        {"messages": [*chat(FENCES), *chat(FENCES)]},
        {"messages": chat([{"type": "text", "content": "x"}])},
        {"messages": None, "question": 3, "response": None},
    ],
)
def test_not_recognised(data):
    assert not FORM.matches(row(data))


words = st.text("ab .$\n", max_size=12)
programs = st.text("xy=1\n ", min_size=1, max_size=12).filter(str.strip)


@given(st.lists(st.tuples(words, programs, st.none() | words), min_size=1, max_size=4), words)
def test_nothing_is_lost(parts, end):
    text = ""
    for said, program, printed in parts:
        text += f"{said}\n```python\n{program}\n```\n"
        text += f"```output\n{printed}\n```\n" if printed is not None else ""
    text += "```python\n1\n```\n```output\n2\n```\n" + end
    trajectory = read({"question": "q", "response": text})
    assert source(trajectory) == text
    assert [s.action for s in trajectory.steps] == [program.strip() for _, program, _ in parts] + ["1"]
