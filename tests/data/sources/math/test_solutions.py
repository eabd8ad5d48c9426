"""Where rows of real data sets have problem, thought and solution; what is said of rows that have none."""

from __future__ import annotations

import json

import pytest

from treadle import DropReason, ReadReport, read_trajectories
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.registry import detect
from treadle.data.sources.report import COMPARED
from treadle.files.rows import Rejected, Row

STEPS = "1. **Add.** 1+1=2\n2. **Answer.** \\boxed{2}"
OTHER = "1. **Guess.** 1+1=3\n2. **Answer.** \\boxed{3}"
ASKED = {"role": "user", "content": "What is 1+1?"}
ANSWERED = {"role": "assistant", "content": STEPS}


def read(data):
    row = Row(data, "f, line 1", "f", 1)
    return detect(row).read(row, ReadOptions())


def rejected(data):
    with pytest.raises(Rejected) as found:
        read(data)
    return found.value


@pytest.mark.parametrize(
    "data",
    [
        {"question": "What is 1+1?", "solution": STEPS, "problem": None, "response": " "},  # a table's empty columns
        {"prompt": "What is 1+1?", "completion": STEPS},
        {"instruction": "What is 1+1?", "input": "", "output": STEPS},
        {"input": "What is 1+1?", "output": STEPS, "category": "math"},
        {"query": "What is 1+1?", "response": STEPS},
        {"question": "What is 1+1?", "answer": STEPS},
        {"question": ["What is 1+1?"], "solution": [STEPS], "final_answer": ["2"]},
        {"problem": "What is 1+1?", "generated_solution": STEPS, "expected_answer": "2", "pass_rate_72b_tir": "0.1"},
        {"messages": [ASKED, ANSWERED]},
        {"messages": json.dumps([ASKED, ANSWERED])},
        {"messages": [ASKED, {"role": "assistant", "content": [{"type": "text", "text": STEPS}]}]},
        {"conversations": [{"from": "human", "value": "What is 1+1?"}, {"from": "gpt", "value": STEPS}]},
        {"prompt": [ASKED], "completion": [ANSWERED]},
        {"prompt": [ASKED], "response": STEPS, "reward_model": {"ground_truth": "2"}},
        {"problem": "What is 1+1?", "solution": "It is two, \\boxed{2}.", "response": STEPS},
    ],
)
def test_usual_columns(data):
    trajectory = read(data)
    assert (trajectory.problem, len(trajectory.steps), trajectory.answer) == ("What is 1+1?", 2, "2")
    assert trajectory.steps[0].thought is None


@pytest.mark.parametrize(
    "data",
    [
        {"question": "q", "reasoning_content": "add", "content": STEPS},
        {"question": "q", "thinking": "add", "response": STEPS},
        {"question": "q", "thinking_trajectories": ["add"], "attempt": STEPS},
        {"problem": "q", "deepseek_reasoning": "add", "deepseek_solution": STEPS, "ground_truth_solution": "So."},
        {"messages": [ASKED, {**ANSWERED, "reasoning_content": "add"}]},
        {"messages": [ASKED, {**ANSWERED, "content": [{"type": "thinking", "thinking": "add"}, {"text": STEPS}]}]},
        {"problem": "q", "output": f"<|begin_of_thought|>add<|end_of_thought|>{STEPS}"},
    ],
)
def test_thoughts_beside_or_before_the_solution(data):
    first, second = read(data).steps
    assert (first.thought, first.action, second.thought) == ("add", "1. **Add.** 1+1=2", None)


def test_instruction_and_input_are_one_problem():
    assert read({"instruction": "Solve.", "input": "1+1", "output": STEPS}).problem == "Solve.\n\n1+1"


def test_of_generations_the_right_and_complete_one_is_taken():
    row = {
        "problem": "q",
        "solution": "Prose.",
        "answer": "2",
        "generations": [f"<think>a</think>{OTHER}"] * 2 + [STEPS],
    }
    flagged = {**row, "correctness_math_verify": [True, True, False], "is_reasoning_complete": [False, True, True]}
    trajectory = read(flagged)
    assert trajectory.meta["generation"] == ["generations", 1]
    trajectory = read(row)  # without flags the reference decides
    assert (trajectory.meta["generation"], trajectory.verified) == (["generations", 2], True)
    none = rejected({**row, "correctness_math_verify": [False] * 3, "correctness_llama": None})
    assert none.reason is DropReason.MARKED_AS_FAILED
    assert "none of 3 generations is right and complete (correctness_math_verify)" in none.detail
    numbered = {"question": "q", "final_answer": "2", "r1_solution_1": OTHER, "r1_solution_2": STEPS}
    assert read(numbered).steps[0].title.startswith("Add")


def test_of_two_solutions_in_steps_the_message_names_the_columns():
    found = rejected({"problem": "q", "solution": STEPS, "response": OTHER})
    assert found.reason is DropReason.AMBIGUOUS_COLUMNS
    assert "--columns 'problem=problem,solution=response'" in found.detail
    assert "--columns 'problem=problem,solution=solution'" in found.detail
    assert len(read({"problem": "q", "solution": STEPS, "response": STEPS}).steps) == 2  # the same text


def test_marks_around_the_solution_are_in_no_action_and_in_no_epilogue():
    text = f"<think>a</think><answer>{STEPS}\n\n**Final Answer**\n2</answer><|im_end|>"
    trajectory = read({"problem": "q", "response": text})
    assert trajectory.steps[-1].action == "2. **Answer.** \\boxed{2}"
    assert trajectory.meta["epilogue"] == "**Final Answer**\n2"
    assert [mark for _, mark in trajectory.meta["epilogue_marks"]] == ["</answer>", "<|im_end|>"]
    assert read({"problem": "q", "response": f"{STEPS}</s>"}).steps[-1].after == "</s>"


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        ({"problem": "q", "answer": "2"}, DropReason.NO_TRAJECTORY, "--answers-only"),
        ({"prompt": [ASKED], "reward_model": {"ground_truth": "2"}}, DropReason.NO_TRAJECTORY, "--answers-only"),
        ({"messages": [ASKED, ANSWERED] * 2}, DropReason.NO_ACTIONS, "roles user (2), assistant (2)"),
        ({"messages": [ASKED, {"role": "robot", "content": "x"}]}, DropReason.UNKNOWN_FORM, "robot (1)"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, DropReason.PREFERENCE_PAIR, "solution=chosen"),
        ({"question": "q", "reasoning": STEPS}, DropReason.NO_TRAJECTORY, "'problem=question,solution=reasoning'"),
        ({"question": "q", "essay": "x"}, DropReason.UNKNOWN_FORM, "'problem=question,solution=NAME'"),
        ({"a": 1}, DropReason.UNKNOWN_FORM, "columns a"),
        (
            {"Nr": "1", "Customer question": "q", "Worked out": STEPS, "Result (EUR)": "2"},
            DropReason.UNKNOWN_FORM,
            "--columns 'problem=Customer question,solution=Worked out,answer=Result (EUR)'",
        ),
        (
            {"uid": "1", "task": "q", "working": ["1+1", "=2"], "gold": 2.0},
            DropReason.UNKNOWN_FORM,
            "--format step-list --columns 'problem=task,solution=working,answer=gold'",
        ),
        (
            {"id": 1, "payload": {"messages": [ASKED], "tools": []}},
            DropReason.UNKNOWN_FORM,
            "take them out: jq -c .payload FILE > rows.jsonl",
        ),
    ],
)
def test_rows_without_a_solution_say_what_was_seen(data, reason, detail):
    found = rejected(data)
    assert found.reason is reason
    assert detail in found.detail


def report_of(tmp_path, rows, **settings):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = ReadReport()
    return list(read_trajectories(path, report=report, **settings)), report


def test_line_ends_are_one_and_counted(tmp_path):
    rows = [{"problem": "a\r\nb", "solution": STEPS.replace("\n", end)} for end in ("\r\n", "\r", "\u2028", "\n")]
    trajectories, report = report_of(tmp_path, [*rows, {"problem": "p", "solution": STEPS}])
    assert [[s.action for s in t.steps] for t in trajectories] == [STEPS.split("\n")] * 5
    assert trajectories[0].problem == "a\nb"
    assert [t.meta.get("line_ends") for t in trajectories] == [2, 2, 2, 1, None]
    assert sum(report.notes["line ends"].values()) == 4


def test_what_marked_a_row_and_what_its_answer_was_compared_with_is_counted(tmp_path):
    row = {"problem": "p", "solution": STEPS}
    rows = [{**row, "reward": 1.0}, {**row, "reward": 0.25}, {**row, "score": 4.3}, {**row, "answer": "2.0"}]
    rows += [{**row, "answer": "3"}, {**row, "answer": "a pair"}, row]
    trajectories, report = report_of(tmp_path, rows)
    assert [t.verified for t in trajectories] == [True, None, True, None, None]
    assert report.dropped == {"marked_as_failed": 1, "answer_differs": 1}
    assert report.notes[COMPARED] == {"right": 1, "wrong": 1, "undecided": 1, "none": 2}
    marks = report.notes["marked by"]
    assert (marks["reward: right"], marks["reward: failed"]) == (1, 1)
    assert any(name.startswith("score: unmarked") for name in marks)
    trajectories, report = report_of(tmp_path, rows, success_at=0.2)
    assert report.notes["marked by"]["reward: right"] == 2


def test_answers_only_keeps_problems_and_answers(tmp_path):
    rows = [
        {"problem": "p", "answer": "2"},
        {"question": "g", "answer": "1+1=2\n#### 2"},
        {"messages": [ASKED, ANSWERED]},
        {"problem": "none"},
    ]
    trajectories, report = report_of(tmp_path, rows, answers_only=True)
    assert [(t.problem, t.answer, t.steps) for t in trajectories] == [
        ("p", "2", ()),
        ("g", "2", ()),
        ("What is 1+1?", "2", ()),
    ]
    assert report.dropped == {"no_answer": 1}
