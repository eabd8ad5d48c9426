"""The math forms on rows and texts that nobody meant: treadle's own errors only, no text that takes long."""

from __future__ import annotations

import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import Trajectory
from treadle.data.sources import native
from treadle.data.sources.columns import PRESETS, Columns
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.math import gsm8k, lean, numbered_form, reasoning, step_lists, tora
from treadle.data.sources.math.numbered import parse_numbered
from treadle.files.rows import Rejected, Row

FORMS = [module.FORM for module in (native, tora, lean, step_lists, gsm8k, reasoning, numbered_form)]
OPTIONS = [
    ReadOptions(),
    ReadOptions(untitled="keep", segment="prose"),
    ReadOptions(PRESETS["plain"]),
    ReadOptions(Columns("question", "steps", answer="label", id="id", thought="answer", verified="input")),
]

NAMES = """formal_statement formal_proof header
id problem question prompt steps completions labels label
input answer solution response domain meta
verified messages final_answer thought eval_result role content text rating action chosen_completion human_completion
"""
names = st.sampled_from(NAMES.split())
marks = [
    "1. **A** ",
    "2. **B**",
    "\n",
    "</think>",
    "<think>",
    "#### 7",
    "<<1+1=2>>",
    "Step 1: ",
    " ки",
    "```python\n",
    "```\n",
    "```output\n",
    " ** ",
    "theorem t : 1 = 1 := by",
    "\n  simp",
    "/-",
    "{",
    "}",
    "+",
    "-",
]
texts = st.lists(st.sampled_from([*marks, "\x00", "\ud800", " ", "x", "**"]), max_size=8).map("".join) | st.text(
    max_size=5
)
scalars = st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
rows = st.dictionaries(names | st.text(max_size=4), values, max_size=7)


def tried(form, data, options):
    """A trajectory, or `None` for a row that was rejected; anything else fails the test."""
    try:
        return form.read(Row(data, "f, line 1", "f", 1), options)
    except Rejected:
        return None


@settings(max_examples=300)
@given(rows)
def test_any_row_is_read_or_rejected(data):
    for form, options in product(FORMS, OPTIONS):
        assert form.matches(Row(data, "w", "f", 1)) in (True, False)
        trajectory = tried(form, data, options)
        assert trajectory is None or isinstance(trajectory, Trajectory)


@settings(max_examples=300)
@given(texts, texts)
def test_any_text_comes_back(problem, text):
    """Where a form takes the text, preamble, steps and epilogue put together again are the text."""
    for form, column in ((numbered_form.FORM, "solution"), (reasoning.FORM, "solution"), (gsm8k.FORM, "answer")):
        row = {"problem": problem, column: text}
        if form.matches(Row(row, "w", "f", 1)) and (trajectory := tried(form, row, ReadOptions(untitled="keep"))):
            pieces = [trajectory.meta["preamble"], *(s.text for s in trajectory.steps), trajectory.meta["epilogue"]]
            assert "".join(pieces) == text


UNITS = (
    "1. **",
    "1. **\n",
    "1. **a**\n",
    "<<",
    "#### ",
    "#### \n",
    "a\n",
    "\n",
    " ",
    "#",
    "*",
    "-",
    "`",
    "<think>",
    "</think>",
    "Step 1: ",
    "ки",
    "\\boxed{",
    "{",
    "}",
    "\\",
    "The answer is: ",
    "\x00",
    "\ud800",
)


@pytest.mark.parametrize("unit", UNITS, ids=ascii)
def test_long_texts_of_anything_are_quick(unit):
    """Time that grows with the square of the length would be minutes at this length."""
    text = unit * (100_000 // len(unit))
    for solution in (
        text,
        f"x</think>1. **A** {text}\n2. **B**",
        f"1. **A** x\n{text}x\n2. **B** y",
        f"{text}\n#### 5",
    ):
        read_in_all_shapes(solution, seconds=6)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["1. **", "<<", "#### ", "</think>"])
def test_a_megabyte_is_quick(unit):
    read_in_all_shapes(unit * (1_000_000 // len(unit)), seconds=6)


def read_in_all_shapes(solution, seconds):
    rows = (
        {"problem": "p", "solution": solution},
        {"problem": "p", "answer": solution},
        {"problem": "p", "steps": [solution], "answer": "5"},
        {"input": solution, "label": solution},
    )
    for row, form in product(rows, FORMS):
        started = time.process_time()
        if form.matches(Row(row, "w", "f", 1)):
            tried(form, row, ReadOptions(untitled="keep"))
        assert time.process_time() - started < seconds


@pytest.mark.parametrize(
    "prefix", ["# ", "# 1. a", "1.", "**", "- ", "Step 1", "** Step ", "# Step 1", "1. **a**\n--", " "]
)
@pytest.mark.parametrize("filler", [" ", "\t", "*", "-", "."])
def test_a_long_line_is_quick(prefix, filler):
    started = time.perf_counter()
    parse_numbered(prefix + filler * 1_000_000 + "x", untitled="keep")
    assert time.perf_counter() - started < 6
