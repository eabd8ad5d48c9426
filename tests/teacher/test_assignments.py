"""What is given to a teacher, and every row that is not, with its reason."""

from __future__ import annotations

import json

import pytest

from tests.domains.folders import walks, write_domain
from treadle.domains.registry import use
from treadle.errors import DataError
from treadle.teacher.assignments import (
    first,
    problems_to_solve,
    refuse_none,
    solutions_to_rewrite,
    without_overlap,
)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


PROBLEMS = [
    {"id": "a", "problem": "What is 1 + 1?", "answer": "2"},
    {"id": "b", "problem": "Prove that 2 is even.", "answer": None},
    {"id": "c", "problem": "Why?", "answer": "because " * 20},
    {"id": "d", "problem": "What is 2 + 2?", "answer": 4},
]


def test_problems_and_those_left_out(tmp_path):
    source = write(tmp_path / "p.jsonl", PROBLEMS)
    found = problems_to_solve(source)
    assert [(item.id, item.answer, item.command) for item in found.items] == [("a", "2", "solve"), ("d", "4", "solve")]
    assert (found.read, dict(found.left_out)) == (4, {"no_answer": 1, "unreadable_reference": 1})
    found = problems_to_solve(source, unverified=True)
    assert [(item.id, item.answer) for item in found.items] == [("a", "2"), ("b", None), ("d", "4")]
    found = first(problems_to_solve(source), 1)
    assert ([item.id for item in found.items], found.left_out["beyond_limit"]) == (["a"], 1)


def test_a_file_without_any_answer_is_refused_with_the_way_out(tmp_path):
    rows = [{"problem": row["problem"]} for row in PROBLEMS]
    source = write(tmp_path / "p.jsonl", rows)
    with pytest.raises(DataError, match=r"none of 4 rows is left to be given \(4 no_answer\); --unverified takes"):
        refuse_none(problems_to_solve(source))
    assert len(problems_to_solve(source, unverified=True).items) == 4


def test_problems_of_evaluation_sets_are_not_asked(tmp_path):
    long = "A farmer counts the legs of all his hens and rabbits and finds that there are exactly {} of them in all."
    source = write(tmp_path / "p.jsonl", [{"problem": long.format(n), "answer": "1"} for n in (12, 14)] + PROBLEMS[:1])
    bench = write(tmp_path / "bench.jsonl", [{"problem": long.format(99), "answer": "1"}])
    found = without_overlap(problems_to_solve(source), [bench])
    assert [item.problem for item in found.items] == ["What is 1 + 1?"]
    assert found.left_out["overlaps_evaluation"] == 2
    assert without_overlap(problems_to_solve(source), []).left_out == {}


PLAIN = "The sum of three and four is \\boxed{7}, as is clear."
SOLUTIONS = [
    {"id": "prose", "problem": "Sum?", "solution": "We add three and four. That makes $\\boxed{7}$.", "answer": "7"},
    {"id": "wrong", "problem": "Sum?", "solution": "We add three and four. That makes $\\boxed{8}$.", "answer": "7"},
    {"id": "proof", "problem": "Prove it.", "solution": "It is clear from what was said before, as all can see."},
    {
        "id": "r1",
        "problem": "Sum?",
        "response": f"<think>\n3 + 4 is 7\n</think>\n\n{PLAIN}",
    },
    {"id": "prose", "problem": "Again?", "solution": "We add four and four. That makes $\\boxed{8}$.", "answer": "8"},
    {"question": "Legs?", "answer": "Two hens have 2*2 = <<2*2=4>>4 legs.\nWith a cat 4+4 = <<4+4=8>>8 legs.\n#### 8"},
]


def test_solutions_in_any_form_as_they_are_and_those_left_out(tmp_path):
    found = solutions_to_rewrite(write(tmp_path / "s.jsonl", SOLUTIONS))
    assert [(item.id, item.answer, item.thought) for item in found.items] == [
        ("prose", "7", ""),
        ("r1", "7", "3 + 4 is 7"),
        ("s-6", "8", ""),
    ]
    assert found.items[0].original == SOLUTIONS[0]["solution"]
    assert found.items[1].original == PLAIN
    assert found.items[2].original == SOLUTIONS[5]["answer"]
    assert all(item.command == "rewrite" for item in found.items)
    assert (found.read, dict(found.left_out)) == (6, {"answer_differs": 1, "no_answer": 1, "duplicate_id": 1})
    assert len(solutions_to_rewrite(str(tmp_path / "s.jsonl"), unverified=True).items) == 4


def test_thoughts_may_be_what_is_rewritten(tmp_path):
    source = write(tmp_path / "s.jsonl", SOLUTIONS)
    found = solutions_to_rewrite(source, part="thought")
    assert [item.original for item in found.items] == ["3 + 4 is 7"]
    assert found.left_out["no_thought"] == 3
    (both,) = solutions_to_rewrite(source, part="both").items
    assert both.original == f"3 + 4 is 7\n\n{PLAIN}"


def test_only_texts_with_an_answer_in_a_box_are_rewritten(tmp_path, no_domains):
    """Whatever they are about: not calls, programs, proofs, nor what is done in an environment."""
    use(str(write_domain(tmp_path / "field")))
    use(str(write_domain(tmp_path / "acted", "name: acted\nenvironment: world.py:World\n")))
    own = ("agent", "lean", "python", "acted", "field", "math")
    rows = [{**walk, "domain": name, "id": name} for walk, name in zip(walks(6), own, strict=True)]
    found = solutions_to_rewrite(write(tmp_path / "s.jsonl", rows))
    assert ([item.id for item in found.items], found.left_out["other_domain"]) == (["field", "math"], 4)
    assert len(solutions_to_rewrite(write(tmp_path / "s.jsonl", rows), domain="field").items) == 6
