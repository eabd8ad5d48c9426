"""Lists of labelled steps. The shapes are those of the data sets' own pages; the PRM800K row is shaped after the
annotated one in its README."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import DropReason, Step
from treadle.data.sources.columns import parse_columns
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.math.step_lists import FORM
from treadle.files.rows import Rejected, Row

PROCESS_BENCH = {
    "id": "gsm8k-0",
    "generator": "Qwen2-7B-Instruct",
    "problem": "1+2+3?",
    "steps": ["To find it, add 1 and 2.\n", "1. **Add** 3", "So \\boxed{6}."],
    "final_answer_correct": True,
    "label": -1,
}
TRL = {"prompt": "1+2+3?", "completions": ["Add 1 and 2.", " Add 3. "], "labels": [True, True]}
SHEPHERD = {
    "input": "What is 1+2+3?  Step 1: 1+2 = <<1+2=3>>3 ки\nStep 2: 3+3 = 6. The answer is: 6 ки",
    "label": "What is 1+2+3?  Step 1: 1+2 = <<1+2=3>>3 +\nStep 2: 3+3 = 6. The answer is: 6 +",
    "task": "GSM8K",
}


def prm800k(*steps, finish="solution"):
    question = {"problem": "1+2+3?", "ground_truth_answer": "6", "pre_generated_steps": ["a"]}
    return {"labeler": "x", "question": question, "label": {"steps": list(steps), "finish_reason": finish}}


def choice(*ratings, chosen=0, human=None):
    texts = [{"text": f"way {k} rated {r}", "rating": r, "flagged": None} for k, r in enumerate(ratings)]
    return {"completions": texts, "human_completion": human, "chosen_completion": chosen}


def row(data):
    return Row(data, "f, line 1", "f", 1)


def read(data, columns=None):
    assert columns or FORM.matches(row(data))
    return FORM.read(row(data), ReadOptions(columns))


def reason(data):
    with pytest.raises(Rejected) as rejected:
        read(data)
    return rejected.value.reason


def test_process_bench():
    trajectory = read(PROCESS_BENCH)
    assert [s.text for s in trajectory.steps] == PROCESS_BENCH["steps"]
    assert trajectory.steps[0] == Step("To find it, add 1 and 2.", after="\n")
    assert trajectory.steps[1].title == "Add"
    assert (trajectory.id, trajectory.answer, trajectory.verified) == ("gsm8k-0", "6", True)


@pytest.mark.parametrize(
    ("change", "verified"),
    [
        ({"label": 1}, False),  # the answer is right by luck
        ({"final_answer_correct": False}, False),
        ({"final_answer_correct": None, "label": None}, None),
        ({"final_answer_correct": None, "label": None, "answer": "6"}, True),
        ({"final_answer_correct": None, "label": None, "answer": "7"}, False),
        ({"final_answer_correct": None}, True),
        ({"label": None}, True),
    ],
)
def test_process_bench_labels(change, verified):
    assert read({**PROCESS_BENCH, **change}).verified is verified


@pytest.mark.parametrize(
    ("labels", "verified"),
    [
        ([True, True], True),
        ([True, False], False),
        ([1.0, 1.0], True),
        ([1, 0], False),
        ([1, -1], False),
        ([None, None], None),
        ([], None),
    ],
)
def test_stepwise_supervision(labels, verified):
    trajectory = read({**TRL, "labels": labels})
    assert [s.text for s in trajectory.steps] == TRL["completions"]
    assert (trajectory.problem, trajectory.verified) == ("1+2+3?", verified)


def test_steps_as_objects():
    steps = [{"step": "Add 1 and 2.", "rating": 1}, {"step": "Hm.", "rating": 0}]
    assert read({"problem": "p", "steps": steps}).verified is True
    steps[1]["rating"] = -1
    assert read({"problem": "p", "steps": steps}).verified is False
    assert read({"problem": "p", "steps": [{"text": "a", "label": 1}, {"text": "b", "label": 0}]}).verified is False


def test_prm800k_goes_along_the_chosen_completions():
    human = {"text": "written by hand", "rating": None, "source": "human"}
    steps = [choice(0, -1), choice(-1, 1, chosen=1), choice(-1, chosen=None, human=human)]
    last = {"completions": [{"text": "So.\n\n# Answer\n\n6", "rating": 1}], "chosen_completion": 0}
    trajectory = read(prm800k(*steps, last))
    assert [s.action for s in trajectory.steps] == [
        "way 0 rated 0",
        "way 1 rated 1",
        "written by hand",
        "So.\n\n# Answer\n\n6",
    ]
    assert (trajectory.problem, trajectory.answer, trajectory.verified) == ("1+2+3?", "6", True)


@pytest.mark.parametrize(
    "data",
    [
        prm800k(choice(1), choice(-1, -1, chosen=None), finish="found_error"),
        prm800k(choice(1), choice(-1, chosen=None)),
        prm800k(choice(1), choice(-1)),
        prm800k(choice(1), choice(1), finish="give_up"),
    ],
)
def test_prm800k_solutions_that_fail(data):
    trajectory = read(data)
    assert trajectory.verified is False
    assert trajectory.steps[0].action == "way 0 rated 1"


def test_math_shepherd():
    trajectory = read(SHEPHERD)
    assert [s.action for s in trajectory.steps] == [
        "Step 1: 1+2 = <<1+2=3>>3",
        "Step 2: 3+3 = 6. The answer is: 6",
    ]
    assert (trajectory.problem, trajectory.answer, trajectory.verified) == ("What is 1+2+3?", "6", True)
    together = trajectory.problem + trajectory.meta["preamble"] + "".join(s.text for s in trajectory.steps)
    assert together + trajectory.meta["epilogue"] == SHEPHERD["input"]


def test_math_shepherd_labels():
    minus = SHEPHERD["label"][:-1] + "-"
    assert read({**SHEPHERD, "label": minus}).verified is False
    assert reason({**SHEPHERD, "label": minus[:-1]}) is DropReason.MALFORMED
    assert reason({**SHEPHERD, "label": "+-"}) is DropReason.MALFORMED
    assert reason({**SHEPHERD, "input": "What ки is Step 1: a ки"}) is DropReason.MALFORMED
    assert reason({**SHEPHERD, "input": "Step 1: a ки"}) is DropReason.EMPTY_PROBLEM


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"problem": "p", "steps": []}, DropReason.EMPTY_SOLUTION),
        ({"problem": "p", "steps": ["a", " "]}, DropReason.EMPTY_ACTION),
        ({"problem": "p", "steps": ["a", 5]}, DropReason.MALFORMED),
        ({"problem": "", "steps": ["a"]}, DropReason.EMPTY_PROBLEM),
        ({"problem": 5, "steps": ["a"]}, DropReason.MALFORMED),
        (prm800k(choice(-1, chosen=None)), DropReason.EMPTY_SOLUTION),
        (prm800k(choice(1, chosen=4)), DropReason.MALFORMED),
        (prm800k(choice(1, chosen="0")), DropReason.MALFORMED),
        (prm800k("a"), DropReason.MALFORMED),
        (prm800k({"chosen_completion": 0, "completions": None}), DropReason.MALFORMED),
    ],
)
def test_reasons(data, expected):
    assert reason(data) is expected


@pytest.mark.parametrize(
    "data",
    [
        {"problem": "p", "solution": "s"},
        {"steps": ["a"]},
        {"problem": "p", "steps": "a"},
        {"problem": "p", "steps": [{"action": "a", "observation": "b"}]},
        {"prompt": "p", "completions": ["one sample", "another"]},
        {"prompt": "p", "completions": [{"role": "assistant"}], "labels": [True]},
        {"input": "no mark", "label": "+"},
        {"question": {"problem": "p"}, "label": "x"},
    ],
)
def test_not_recognised(data):
    assert not FORM.matches(row(data))


def test_columns_by_name():
    columns = parse_columns("problem=q,solution=parts,verified=ok")
    assert read({"q": "x", "parts": ["a", "b"], "ok": 0}, columns).verified is False
    with pytest.raises(Rejected, match="no column 'parts'"):
        read({"q": "x"}, columns)


@given(st.lists(st.text(max_size=10).filter(str.strip), min_size=1, max_size=4))
def test_each_text_is_its_item(items):
    assert [s.text for s in read({"problem": "p", "steps": items}).steps] == items


pieces = st.text("ab 1.\n", min_size=1, max_size=8).filter(str.strip)


@given(st.lists(st.tuples(pieces, st.booleans()), min_size=1, max_size=4), st.text("\n ", max_size=2))
def test_math_shepherd_without_loss(parts, end):
    text = "p? " + "".join(f"Step {n}: {piece}ки\n" for n, (piece, _) in enumerate(parts, 1)) + end
    label = "p? " + "".join(f"Step {n}: {piece}{'-+'[sign]}\n" for n, (piece, sign) in enumerate(parts, 1)) + end
    trajectory = read({"input": text, "label": label})
    assert trajectory.verified is all(sign for _, sign in parts)
    together = trajectory.problem + trajectory.meta["preamble"] + "".join(s.text for s in trajectory.steps)
    assert together + trajectory.meta["epilogue"] == text
