"""Prose cut at its joints: boundaries by hand, and what holds of any text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from treadle import DropReason, read_trajectories
from treadle.data.prepare import PrepareSettings, as_markdown, prepare
from treadle.data.sources.math.joints import joints
from treadle.data.sources.math.segmentation import LONGEST, SHORTEST, segmented, solution_steps

FILLER = (
    "This sentence says something about the numbers that is long enough to be a step by itself, and no more than that."
)


def actions(text):
    parsed = segmented(text)
    assert parsed.preamble + "".join(step.text for step in parsed.steps) + parsed.epilogue == text
    assert {step.title for step in parsed.steps} == {None}
    return [step.action for step in parsed.steps]


def beginnings(text):
    return [action.split()[0] for action in actions(text)]


def test_paragraphs_are_steps():
    assert actions(f"First. {FILLER}\n\nNext. {FILLER}\n\n\nLast. {FILLER}") == [
        f"{word} {FILLER}" for word in ("First.", "Next.", "Last.")
    ]


def test_a_long_paragraph_is_cut_between_sentences_where_a_thought_begins():
    thoughts = [f"Now let $x>0$. {FILLER} {FILLER} {FILLER}", f"Next we take $y$. {FILLER} {FILLER} {FILLER}"]
    assert actions(" ".join([FILLER, FILLER, *thoughts])) == [f"{FILLER} {FILLER}", *thoughts]


def test_a_displayed_formula_belongs_to_the_sentence_before():
    for formula in ("$$\nx = 1.\n$$", "\\[ x = 1. \\]", "\\begin{align*}\nx &= 1.\n\\end{align*}"):
        text = f"{FILLER} So we have\n\n{formula}\n\nNow we go on. {FILLER}"
        assert beginnings(text) == ["This", "Now"]
        assert actions(text)[0].endswith(formula)


def test_a_sentence_may_begin_right_behind_a_formula():
    text = f"{FILLER} We have\n\\[x = 1.\\]Therefore, {FILLER} And {FILLER} Now {FILLER} Also {FILLER}"
    assert "Therefore," in {joint_text.split()[0] for joint_text in (text[j.start :] for j in joints(text, LONGEST))}


@pytest.mark.parametrize(
    "goes_on",
    ["where $x$ is the root of it", "and so on as before", "$= 3$ by the same", ", which is what we want"],
)
def test_a_sentence_that_goes_on_is_not_cut(goes_on):
    text = f"{FILLER} We have\n\n$$x = 1$$\n\n{goes_on}, {FILLER}\n\nNow the rest. {FILLER}"
    assert not any(text[joint.start :].startswith(goes_on) for joint in joints(text, LONGEST))


@pytest.mark.parametrize("ends", ["the following:", "that is,", "We see that", "$x =$"])
def test_a_sentence_that_is_not_over_is_not_cut(ends):
    text = f"{FILLER} {FILLER} {ends}\n\nThen {FILLER}\n\nNow {FILLER}"
    assert not any(text[: joint.end].endswith(ends) for joint in joints(text, LONGEST))


@pytest.mark.parametrize("short", ["i.e.", "Fig.", "Eq.", "e.g.", "cf.", "A."])
def test_an_abbreviation_ends_no_sentence(short):
    text = f"{FILLER} See {short} Two for it. {FILLER}"
    assert not any(text[: joint.end].endswith(short) for joint in joints(text, LONGEST))


def test_a_new_case_begins_a_step():
    text = "\n".join([f"We look at two cases. {FILLER}", f"**Case 1.** {FILLER}", f"Case 2: {FILLER}"])
    assert [action[:8] for action in actions(text)] == ["We look ", "**Case 1", "Case 2: "]


def test_a_heading_stays_with_what_it_heads():
    text = f"### Setup\n\n{FILLER}\n\n**Solution.**\n\n{FILLER} More.\n\nCase 1:\n\n{FILLER}\n\n## End\n{FILLER}"
    assert beginnings(text) == ["###", "**Solution.**", "Case", "##"]


def test_what_is_to_be_shown_stays_with_its_proof():
    text = f"{FILLER}\n\n#### Lemma 2:\nShow that $a=b$.\n\n**Proof**:\n{FILLER}"
    assert [action[:10] for action in actions(text)] == [FILLER[:10], "#### Lemma"]


def test_a_list_of_cases_is_one_piece():
    cases = "The slope changes:\n- for $x<1$ it is $-1$.\n- for $x>1$ it is $1$.\n- At $x=1$ there is none."
    assert any(cases in action for action in actions(f"{FILLER}\n\n{cases}\n\n{FILLER}\n\n{FILLER}"))


def test_numbered_steps_without_titles_are_cut_at_their_numbers():
    items = [f"{k}. {FILLER}\n   \\[ x = {k} \\]" for k in (1, 2, 3)]
    assert actions("\n\n".join(items)) == items


@pytest.mark.parametrize("end", ["So $\\boxed{3}$.", "The final answer is $\\boxed{3}$.", "Answer: 3"])
def test_the_sentence_with_the_answer_joins_the_last_step(end):
    assert actions(f"{FILLER}\n\nNow {FILLER}\n\n{end}") == [FILLER, f"Now {FILLER}\n\n{end}"]


def test_the_mark_of_a_proofs_end_begins_no_step():
    assert actions(f"{FILLER}\n\nNow {FILLER}\n\n\\(\\blacksquare\\)")[1].endswith("\\(\\blacksquare\\)")


def test_tables_code_and_figures_are_not_cut():
    table = "| a | b |\n|---|---|\n| One. Two. | Three. |\n| Four. | Five. |"
    code = "```python\nx = 1\n\n# Now. This.\ny = 2\n```"
    figure = "[asy]\ndraw(A);\n\nlabel(B);\n[/asy]"
    for block in (table, code, figure):
        text = f"{FILLER} See below.\n{block}\n\nNow {FILLER}\n\nNext {FILLER}"
        assert beginnings(text) == ["This", "Now", "Next"]


def test_a_text_shorter_than_a_step_is_one_step():
    assert actions("So 3.") == ["So 3."]
    assert actions(" It is even. So 2 divides it.\n") == ["It is even. So 2 divides it."]


def test_numbers_win_over_joints_and_an_answer_alone_is_no_solution():
    numbered = f"1. **A** {FILLER}\n2. **B** {FILLER}"
    parsed, at_joints = solution_steps(numbered, segment="prose")
    assert ([step.title for step in parsed.steps], at_joints) == (["A", "B"], False)
    assert solution_steps("49", segment="prose") == (DropReason.NO_NUMBERED_STEPS, False)
    assert solution_steps(FILLER) == (DropReason.NO_NUMBERED_STEPS, False)
    parsed, at_joints = solution_steps(f"1. {FILLER}\n2. {FILLER}", segment="prose")
    assert (len(parsed.steps), at_joints) == (2, True)


sentences = st.sampled_from(
    [
        FILLER,
        "Let $x. Y$ be even.",
        "Thus it holds.",
        "We have \\(a. B\\) and\n$$\nx = 1. Y\n$$\n",
        "So \\[ f. G \\]",
        "Hence\n\\begin{cases}\n1. A\n\nB\n\\end{cases}\n",
        "- Then.\n- Now.\n",
        "1. First of all, this is an item.\n2. Second.\n",
        "**Case 1.**",
        "where it is.",
        "```\nA. B\n\nC. D\n```\n",
        "[asy]\nA. B\n\nC\n[/asy]",
    ]
)
texts = st.lists(st.tuples(sentences, st.sampled_from([" ", "\n", "\n\n"])), min_size=1, max_size=25).map(
    lambda parts: "".join(sentence + gap for sentence, gap in parts)
)
CLOSED = re.compile(  # a fence is closed by a line of its own, as CommonMark has it
    r"^[ \t]*```.*?^[ \t]*```[ \t]*$|"
    r"\[asy\].*?\[/asy\]|\\begin\{cases\}.*?\\end\{cases\}|\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)|\$[^$]*\$",
    re.DOTALL | re.MULTILINE,
)


WORDS = (
    "This sentence says something about the numbers that is long enough to be a step by itself, and no more than that. "
)
FENCE = "```\nA. B\n\nC. D\n```\n "


@given(texts)
@example(f"{WORDS}{FENCE}{WORDS * 5}{FENCE}{WORDS}{FENCE}")
def test_steps_are_of_bounded_size_and_cut_no_formula(text):
    parts = segmented(text).steps
    assert "".join(step.text for step in parts) == text
    sizes = [len(step.action) for step in parts]
    assert len(sizes) == 1 or min(sizes) >= SHORTEST
    ends = {sum(len(step.text) for step in parts[:k]) for k in range(1, len(parts))}
    for formula in CLOSED.finditer(text):
        assert not any(formula.start() < end < formula.end() for end in ends)


@given(texts)
def test_a_step_is_too_long_only_where_no_joint_helps(text):
    position = 0
    for step in segmented(text).steps:
        start, end = position + len(step.before), position + len(step.before) + len(step.action)
        position += len(step.text)
        if len(step.action) > LONGEST and position < len(text):  # the last step has taken the answer in
            inner = [joint for joint in joints(text, LONGEST) if start < joint.start < end]
            halves = [(joint.end - start, end - joint.start) for joint in inner]
            assert not any(SHORTEST <= a <= LONGEST and SHORTEST <= b <= LONGEST for a, b in halves)


@given(st.text("ab.A $\\[](){}\n-1:*|`#", max_size=300))
def test_any_text_gives_steps_and_loses_nothing(text):
    if text.strip():
        assert "".join(step.text for step in segmented(text).steps) == text


@pytest.mark.parametrize(
    "piece", [" ", "\n", "a. B", "\\[", "$", "\\begin{a}", "(", "- a\n", "1. a\n", "| a\n", "```\n"]
)
def test_long_texts_do_not_take_long(piece):
    text = "Now " + piece * 2_000 + " so."
    assert "".join(step.text for step in segmented(text).steps) == text


def test_prepare_says_how_many_solutions_were_cut(tmp_path):
    file = tmp_path / "prose.jsonl"
    rows = [
        {"id": "a", "problem": "p", "solution": f"{FILLER}\n\nNow {FILLER}\n\nSo $\\boxed{{3}}$."},
        {"id": "b", "problem": "q", "solution": f"1. **A** {FILLER}\n2. **B** \\boxed{{3}}"},
        {"id": "c", "problem": "r", "solution": "3"},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    report = prepare(file, tmp_path / "out", PrepareSettings(segment="prose", held_out=0))
    assert (report.rows.kept, report.trajectories["train"]) == (2, 2)
    assert "cut at their joints (--segment prose) | 1 |" in as_markdown(report)
    segmented_row, numbered_row = read_trajectories(file, segment="prose")
    assert segmented_row.meta["segmented"] == "prose"
    assert "segmented" not in numbered_row.meta
    assert [t.id for t in read_trajectories(file)] == ["b"]


def test_real_solutions(data):
    """Most of what is long enough becomes usable, and no step is a fragment."""
    path = data / "math" / "s1k.jsonl"
    cut = [t for t in read_trajectories(path, segment="prose") if t.meta.get("segmented")]
    assert len(cut) > 300
    sizes = [len(step.action) for trajectory in cut for step in trajectory.steps if len(trajectory.steps) > 1]
    assert min(sizes) >= SHORTEST
    assert sum(size > LONGEST for size in sizes) < 0.05 * len(sizes)
