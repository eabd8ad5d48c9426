"""Thoughts parted off from what follows, in the marks that real models and data sets use; nothing is lost."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import DropReason
from treadle.data.sources.thoughts import cut_marks, part_thought, thought_marks, with_cuts
from treadle.files.rows import Rejected

STEPS = "1. **Add.** 1+1=2\n2. **Answer.** \\boxed{2}"

WRITTEN = [  # as the data set or the model's template writes a thought and a solution
    ("<think>\n{t}\n</think>\n\n{s}", "DeepSeek-R1"),
    ("{t}\n</think>\n\n{s}", "DeepSeek-R1, the opening mark in the prompt"),
    ("<think>{t}</think><answer>{s}</answer>", "R1-Zero"),
    ("<think>{t}</think>\n<response>\n{s}\n</response>", "Granite 3.3"),
    ("<|begin_of_thought|>\n{t}\n<|end_of_thought|>\n\n<|begin_of_solution|>\n{s}\n<|end_of_solution|>", "Sky-T1"),
    ("<Thought>\n{t}\n</Thought>\n<Output>\n{s}\n</Output>", "Marco-o1"),
    ("<thought>{t}</thought>{s}", "EXAONE Deep"),
    ("<thinking>{t}</thinking>\n<output>\n{s}\n</output>", "Reflection"),
    ("<reasoning>\n{t}\n</reasoning>\n<answer>\n{s}\n</answer>\n", "GRPO demonstrations"),
    ("<start_working_out>{t}<end_working_out><SOLUTION>{s}</SOLUTION>", "Unsloth"),
    ("{t}<end_working_out><SOLUTION>{s}</SOLUTION>", "Unsloth, the opening mark in the prompt"),
    ("[THINK]{t}[/THINK]{s}</s>", "Magistral"),
    ("◁think▷{t}◁/think▷{s}", "Kimi"),
    ("<seed:think>{t}</seed:think>{s}<seed:eos>", "Seed-OSS"),
    ("<|START_THINKING|>{t}<|END_THINKING|><|START_RESPONSE|>{s}<|END_RESPONSE|>", "Command A"),
    ("<|channel|>analysis<|message|>{t}<|end|><|start|>assistant<|channel|>final<|message|>{s}<|return|>", "gpt-oss"),
    ("analysis{t}assistantfinal{s}", "gpt-oss without special tokens"),
    ("<|im_start|>think\n{t}\n<|im_start|>answer\n{s}<|im_end|>", "s1"),
    ("Here is my thought process:\n{t}\nHere is my response:\n{s}", "Granite 3.2"),
    ("## Thinking\n\n{t}\n\n## Final Response\n\n{s}", "HuatuoGPT-o1"),
    ("<|begin_of_thought|>{t}<|end_of_thought|>{s}<|im_end|>\n", "no marks around the solution"),
    ("Here are my reasoning steps:\n{t}\n[BEGIN FINAL RESPONSE]\n{s}\n[END FINAL RESPONSE]\n<|end|>", "Apriel"),
    ('<details type="reasoning" done="true">\n<summary>Thought for 3 s</summary>\n{t}\n</details>\n{s}', "Open WebUI"),
    ("<details><summary>Reasoning</summary>\n\n{t}\n\n</details>\n\n{s}", "folded away in Markdown"),
    ('<think time="3">{t}</think>{s}', "a mark with attributes"),
    ("&lt;think&gt;{t}&lt;/think&gt;\n{s}", "escaped for HTML"),
]


@pytest.mark.parametrize(("form", "who"), WRITTEN, ids=[who for _, who in WRITTEN])
def test_the_marks_of_real_models(form, who):
    thought = "Maybe:\n1. **Try 3.** No.\n```python\nx\n```\n2. **Try 4.** No."
    text = form.format(t=thought, s=STEPS)
    parted = part_thought(text)
    assert (parted.thought, parted.rest.strip()) == (thought, STEPS)
    assert parted.source == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        STEPS,
        "if a < b and b > c then [x]",
        "The tag `<thinking>` is no thought, nor is <reflection> here.",
        "analysis of the problem\n" + STEPS,
        "## Thinking about it\n" + STEPS,
        "An <answer> is wanted.",
    ],
)
def test_a_text_without_marks_is_all_rest(text):
    assert part_thought(text)[:4] == ("", "", "", text)


def test_words_before_the_thought_are_kept_before_it():
    parted = part_thought("Sure.\n<thinking>\nhm\n</thinking>\nso")
    assert (parted.before, parted.thought, parted.rest) == ("Sure.\n<thinking>\n", "hm", "\nso")


def test_blocks_in_a_row_are_one_thought_without_marks_in_it():
    text = "<thinking>\na <reflection>b</reflection>\n</thinking>\n<reflection>c</reflection>\n<output>so</output>"
    parted = part_thought(text)
    assert (parted.thought, parted.rest) == ("a <reflection>b</reflection>\nc", "so")
    assert parted.source == text


def test_an_answer_in_marks_of_its_own_after_the_steps_is_no_step():
    parted = part_thought(f"<think>a</think>\n{STEPS}\n<answer>\n2\n</answer>")
    assert parted.rest == f"\n{STEPS}\n"
    assert parted.after == "<answer>\n2\n</answer>"
    parted = part_thought(f"<think>a</think>Here it is:\n<solution>\n{STEPS}\n</solution>")
    assert parted.rest == f"\n{STEPS}\n"
    parted = part_thought("1. **A** b\n<output>\n4\n</output>\n2. **B** c")
    assert parted.rest == "1. **A** b\n<output>\n4\n</output>\n2. **B** c"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<think>and so on", DropReason.EMPTY_SOLUTION),
        ("<thinking>\n1. **A** b", DropReason.EMPTY_SOLUTION),
        ("<|begin_of_thought|>a<|begin_of_solution|>b", DropReason.EMPTY_SOLUTION),
        ("<think>a</think>\n<think>b", DropReason.EMPTY_SOLUTION),
        ("<think>a<think>b</think>c", DropReason.MALFORMED),
    ],
)
def test_where_the_thought_ends_is_open(text, reason):
    with pytest.raises(Rejected) as rejected:
        part_thought(text)
    assert rejected.value.reason is reason
    assert "<" in rejected.value.detail  # the mark is named


def test_marks_that_are_left_are_found():
    parted = part_thought("<think>a</think>b <think>c</think> d")
    assert (parted.thought, parted.rest) == ("a", "b <think>c</think> d")
    assert thought_marks(parted.rest) == ["<think>", "</think>"]


def test_marks_are_cut_out_and_put_back():
    text = "So 2.</answer>\n<|im_end|>\n"
    clean, cuts = cut_marks(text)
    assert (clean, cuts) == ("So 2.\n\n", ((5, "</answer>"), (6, "<|im_end|>")))
    assert with_cuts(clean, cuts) == text


PIECES = ["<think>", "</think>", "<thinking>", "</thinking>", "<reflection>", "</reflection>", "<answer>", "</answer>"]
PIECES += ["<|begin_of_thought|>", "<|end_of_thought|>", "<|im_end|>", "[THINK]", "[/THINK]", "\n", " ", "a"]
PIECES += ["<|channel|>analysis<|message|>", "<|channel|>final<|message|>", "<|end|>", "<|start|>assistant"]
PIECES += ["analysis", "assistantfinal", "## Thinking", "## Final Response"]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(texts)
def test_nothing_of_any_text_is_lost(text):
    clean, cuts = cut_marks(text)
    assert with_cuts(clean, cuts) == text
    try:
        parted = part_thought(text)
    except Rejected:
        return
    assert parted.source == text
    assert parted.thought == parted.thought.strip() or parted.cuts


@pytest.mark.parametrize("unit", [*PIECES, "<", "x<thinking>", "x</answer>", "<thinking>\n</thinking>\n", "<|"])
def test_a_megabyte_of_anything_is_quick(unit):
    started = time.perf_counter()
    text = unit * (300_000 // len(unit))
    with contextlib.suppress(Rejected):
        part_thought(text)
    cut_marks(text)
    assert time.perf_counter() - started < 6
