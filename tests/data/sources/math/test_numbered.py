"""Step boundaries of numbered solutions, by hand and against a reference scan of real data."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import DropReason, ReadReport, read_trajectories
from treadle.data.sources.math.numbered import NumberedSolution, parse_numbered, title_of


def steps(text, **kwargs):
    parsed = parse_numbered(text, **kwargs)
    assert isinstance(parsed, NumberedSolution), parsed
    assert text_of(parsed) == text
    return parsed


def text_of(parsed):
    return parsed.preamble + "".join(step.text for step in parsed.steps) + parsed.epilogue


def actions(text, **kwargs):
    return [step.action for step in steps(text, **kwargs).steps]


def titles(text):
    return [step.title for step in steps(text).steps]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. **Add** 1+1=2\n2. **Stop** done", ["Add", "Stop"]),
        ("1. **Add:** 1+1=2\n\n2. **Stop:**\n   done", ["Add", "Stop"]),
        ("1. **Add**: 1+1=2\n2. **Stop**: done", ["Add", "Stop"]),
        ("1) **Add** x\n2) **Stop** y", ["Add", "Stop"]),
        ("**1. Add**\nx\n**2. Stop**\ny", ["Add", "Stop"]),
        ("**Step 1: Add**\nx\n\n**Step 2: Stop**\ny", ["Add", "Stop"]),
        ("**Step 1:** x\n\n**Step 2:** y", [None, None]),
        ("### Step 1: Add\nx\n### Step 2: Stop\ny", ["Add", "Stop"]),
        ("#### Step 1 - Add\nx\n#### Step 2 – Stop\ny", ["Add", "Stop"]),
        ("### 1. Add\nx\n### 2. Stop\ny", ["Add", "Stop"]),
        ("### **Step 1: Add**\nx\n### **Step 2: Stop**\ny", ["Add", "Stop"]),
        ("**Step 1**: x\n**Step 2**: y", [None, None]),
        ("**Step 1 - Add** x\n**Step 2 - Stop** y", ["Add", "Stop"]),
        ("- **Step 1: Add** x\n- **Step 2: Stop** y", ["Add", "Stop"]),
        ("1. **Add** x\n2. **Stop** y\n 3. **Rest** z", ["Add", "Stop", "Rest"]),
        ("1. **Add** x\n```y = 1```\n2. **Stop** y", ["Add", "Stop"]),
        ("Step 1: x\nStep 2: y", [None, None]),
        ("STEP 1. x\nSTEP 2. y", [None, None]),
        ("  1. **Add** x\n  2. **Stop** y", ["Add", "Stop"]),
        ("1. **Solve $x^{2}=4$:** x", ["Solve $x^{2}=4$"]),
        ("(1) **Add** x\n(2) **Stop** y", ["Add", "Stop"]),
        ("I. **Add** x\nII. **Stop** y\nIII. **Rest** z\nIV. **End** u", ["Add", "Stop", "Rest", "End"]),
        ("### I. Add\nx\n### II. Stop\ny", ["Add", "Stop"]),
        ("**Step 1**\nx\n**Step 2**\ny", [None, None]),
        ("### Step 1\nx\n### Step 2\ny", [None, None]),
        ("Step 1\nx\nStep 2\ny", [None, None]),
        ("Step I: x\nStep II: y", [None, None]),
        ("Step one: x\nStep Two: y", [None, None]),
        ("Étape 1 : x\nÉtape 2 : y", [None, None]),
        ("**Étape 1 : Somme** x\n**Étape 2 : Fin** y", ["Somme", "Fin"]),
        ("Schritt 1: x\nSchritt 2: y", [None, None]),
        ("Paso 1: x\nPaso 2: y", [None, None]),
        ("Шаг 1: x\nШаг 2: y", [None, None]),
        ("第一步：x\n第二步：y\n第3步：z", [None, None, None]),
        ("### 步骤 1：加\nx\n### 步骤 2：停\ny", ["加", "停"]),
        ("단계 1: x\n단계 2: y", [None, None]),
    ],
)
def test_forms(text, expected):
    parsed = steps(text)
    assert titles(text) == expected
    assert parsed.preamble == parsed.epilogue == ""
    assert "\n".join(actions(text)).split() == text.split()


def test_boundaries_by_hand():
    text = (
        "We argue in two steps.\n\n"
        "1. **Cases** There are\n"
        "   1. even ones,\n"
        "   2. odd ones.\n\n"
        "   1. **Nested** title\n"
        "   - and a list\n\n"
        "2. **Count** Counting:\n"
        "1. not a step\n"
        "2. not a step either\n"
        "   \\[ 1 + 1 \\]\n\n"
        "   so two.\n\n"
        "Thus the answer is \\boxed{2}.\n"
    )
    parsed = steps(text)
    first, second = parsed.steps
    assert parsed.preamble == "We argue in two steps.\n\n"
    assert first.action.startswith("1. **Cases**")
    assert first.action.endswith("- and a list")
    assert second.action.startswith("2. **Count**")
    assert second.action.endswith("so two.")
    assert (first.before, first.after) == ("", "\n\n")
    assert parsed.epilogue == "Thus the answer is \\boxed{2}.\n"


def test_white_space_around_steps_is_kept_beside_the_actions():
    parsed = steps("\n 1. **A** x \n\n  \n 2. **B** y\t\n\n")
    assert parsed.preamble == "\n"
    assert [(s.before, s.action, s.after) for s in parsed.steps] == [
        (" ", "1. **A** x", " \n\n  \n"),
        (" ", "2. **B** y", "\t\n\n"),
    ]


def test_numbers_in_code_are_not_steps():
    assert titles("1. **Run**\n```\n2. **no**\n```\n2. **Read** it") == ["Run", "Read"]


def test_headings_outrank_lists_inside_or_before_them():
    inside = "### Step 1: A\n1. **x** a\n2. **y** b\n### Step 2: B\n1. **x** c\n2. **y** d\n"
    assert titles(inside) == ["A", "B"]
    before = "1. **Given** a\n2. **Wanted** b\n\n### Step 1: A\nx\n### Step 2: B\ny"
    assert titles(before) == ["A", "B"]
    assert steps(before).preamble == "1. **Given** a\n2. **Wanted** b\n\n"


def test_the_last_step_of_headings_ends_at_a_section_or_the_final_answer():
    for end in (
        "### Conclusion\nso",
        "---\nso",
        "**Conclusion:**\nso",
        "The final answer is 3.",
        "**Final Answer:** 3",
    ):
        parsed = steps(f"### Step 1: A\nx\n\nmore\n\n### Step 2: B\ny\n\nstill B\n\n{end}")
        assert parsed.steps[1].action.endswith("still B")
        assert parsed.epilogue == end


def test_unindented_bodies_keep_their_paragraphs():
    text = "1. **A**\n\nfirst body\n\n2. **B**\n\nsecond body\n\nmore of it"
    assert actions(text) == ["1. **A**\n\nfirst body", "2. **B**\n\nsecond body\n\nmore of it"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("just prose", DropReason.NO_NUMBERED_STEPS),
        ("1.5 is a number\n2.5 too", DropReason.NO_NUMBERED_STEPS),
        ("1. a\n2. b", DropReason.UNTITLED_STEPS),
        ("1) a\n2) b", DropReason.UNTITLED_STEPS),
        ("(1) a\n(2) b", DropReason.UNTITLED_STEPS),
        ("I. a\nII. b", DropReason.NO_NUMBERED_STEPS),
        ("It was shown in\n2019. It holds.", DropReason.NO_NUMBERED_STEPS),
        ("Step 1, as above, and so on.", DropReason.NO_NUMBERED_STEPS),
        ("1. **A** x\n1000. **B** y", DropReason.NUMBERING_GAP),
        ("2. **B** x\n3. **C** y", DropReason.STARTS_AFTER_ONE),
        ("1. **A** x\n3. **C** y", DropReason.NUMBERING_GAP),
        ("1. **A** x\n2. **B** y\n2. **C** z", DropReason.NUMBERING_GAP),
        ("1. **A** x\n2. **B** y\n1. **A** x\n2. **B** y", DropReason.NUMBERING_RESTARTS),
    ],
)
def test_faults(text, reason):
    assert parse_numbered(text) is reason
    assert reason.explanation


def test_untitled_lists_on_request():
    assert actions("1. a\n2. b", untitled="keep") == ["1. a", "2. b"]
    assert actions("(1) a\n(2) b", untitled="keep") == ["(1) a", "(2) b"]


@pytest.mark.parametrize("item", ["{}. **T** x", "{}. x", "Step {}: x"])
def test_steps_beyond_999_are_steps_of_their_own(item):
    many = "\n".join(item.format(k) for k in range(1, 1103))
    assert len(actions(many, untitled="keep")) == 1102
    gap = "\n".join(item.format(k) for k in [*range(1, 1000), 1001])
    assert parse_numbered(gap, untitled="keep") is DropReason.NUMBERING_GAP


def test_a_year_at_the_beginning_of_a_line_is_no_step():
    assert actions("1. It was shown in\n2019. So it holds.\n2. b", untitled="keep") == [
        "1. It was shown in\n2019. So it holds.",
        "2. b",
    ]


@pytest.mark.parametrize(("count", "value"), [("十", 10), ("十二", 12), ("二十", 20), ("二十一", 21)])
def test_chinese_numerals(count, value):
    earlier = "\n".join(f"第{k}步：x" for k in range(1, value))
    text = f"{earlier}\n第{count}步：y"
    assert len(actions(text)) == value
    assert parse_numbered(f"第{count}步：y") is DropReason.STARTS_AFTER_ONE


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("\n1. **Add** x", "Add"),
        ("### Step 2: Stop\n1. **Add** x", "Stop"),
        ("Step 1: x", None),
        ("x\n1. **Add**", None),
        (" ", None),
    ],
)
def test_the_title_of_a_single_step(text, title):
    assert title_of(text) == title


words = st.text("abc $\\{}=+", min_size=1, max_size=30).map(str.strip).filter(bool)


@given(words, st.lists(st.tuples(words, words), min_size=2, max_size=6), words)
def test_nothing_is_lost(preamble, parts, epilogue):
    body = "\n\n".join(f"{n}. **{title}** {text}\n   {text}" for n, (title, text) in enumerate(parts, 1))
    text = f"{preamble}\n\n{body}\n\n{epilogue}"
    parsed = steps(text)
    assert len(parsed.steps) == len(parts)
    assert all(step.action == step.action.strip() for step in parsed.steps)


@given(st.text("1234. *#Step:\n\r\t\x0b\u2028`ab", max_size=120))
def test_any_text_gives_steps_or_a_reason_and_loses_nothing(text):
    parsed = parse_numbered(text, untitled="keep")
    if isinstance(parsed, NumberedSolution):
        assert text_of(parsed) == text


def test_real_solutions_are_kept_and_cut_at_their_own_numbers(data):
    """At least 98% of the rows that use a titled numbered form, by a scan that shares no code with the parser."""
    path = data / "math" / "amc_aime_solutions.jsonl"
    titled = re.compile(
        r"^ {0,3}(\d+[.)]\s*\*\*|#{1,6}\s*\**\s*(Step\s+\d|\d+[.)])|\*\*\s*(Step\s+)?\d+\s*[.:)])", re.M
    )
    rows = {json.loads(line)["id"]: json.loads(line)["solution"] for line in path.open()}
    in_form = {id for id, solution in rows.items() if titled.search(solution)}
    kept = {t.id: t for t in read_trajectories(path)}
    assert len(in_form) > 2500
    assert len(in_form & set(kept)) >= 0.98 * len(in_form)
    for id, trajectory in kept.items():
        pieces = [trajectory.meta["preamble"], *(s.text for s in trajectory.steps), trajectory.meta["epilogue"]]
        assert "".join(pieces) == rows[id]
        numbers = [int(re.search(r"\d+", step.action).group()) for step in trajectory.steps]
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    ("numbers", "joint", "form", "expected"),
    [
        (range(1, 1006), " ", "Step {}: x.", 1005),
        (range(1, 1006), "\n", "{}. **T** x", 1005),
        (range(1, 1006), "\n", "{}. x", 1005),
        (["0001", "0" * 20 + "2"], "\n", "{}. **T** x", 2),
        ([1, 2, "9" * 20], "\n", "{}. **T** x", DropReason.NUMBERING_GAP),
        ([1, 2, "9" * 5000], "\n", "### Step {}: x", DropReason.NUMBERING_GAP),
        ([*range(1, 999), 1000], "\n", "Step {}: x", DropReason.NUMBERING_GAP),
        (["twelve", "thirteen"], "\n", "Step {}: x", DropReason.STARTS_AFTER_ONE),
        (["one", "twenty-one"], "\n", "Step {}: x", DropReason.NUMBERING_GAP),
        (["I", "II", "XLII"], "\n", "{}. **T** x", DropReason.NUMBERING_GAP),
    ],
)
def test_numbers_of_any_length_are_numbers(numbers, joint, form, expected):
    found = parse_numbered(joint.join(form.format(number) for number in numbers), untitled="keep")
    assert (len(found.steps) if isinstance(found, NumberedSolution) else found) == expected


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("1. a\n2. b\n2019. c", ("2019.",)),
        ("1. a\n2. b\n" + "9" * 30 + ". c", ("1000000000. or more",)),
        ("Step 1: a. Step 2: b. Step 2019: c.", ("Step 2019:",)),
        ("Step 1: a. Step 2: b. Step 5: c.", ("Step 2:", "Step 5:")),
        ("Step 1: a. Step 2: b.", ()),
    ],
)
def test_a_number_that_begins_no_step_is_told(text, passed):
    assert steps(text, untitled="keep").passed == passed


def test_rows_with_such_numbers_are_counted(tmp_path):
    rows = [{"problem": "p", "solution": f"Step 1: a. Step 2: \\boxed{{1}}. {more}"} for more in ("Step 2019: c.", "")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = ReadReport()
    first, second = read_trajectories(tmp_path / "rows.jsonl", report=report)
    assert first.meta["passed_numbers"] == ["Step 2019:"]
    assert "passed_numbers" not in second.meta
    assert list(report.notes["numbers"].values()) == [1]
