"""References that no grader reads, or not as they may be meant, and that they count unless they are left out."""

from __future__ import annotations

import json

import pytest

from treadle.errors import DataError
from treadle.evaluate.benchmarks import load_data, load_known
from treadle.scoring.references import doubt_about, unreadable

PROOF = "First observe that every such function must be linear since otherwise the limit would fail to exist at zero"


@pytest.mark.parametrize(
    ("reference", "kind", "why"),
    [
        ("25", "integer", ""),
        ("twenty", "integer", "no number"),
        ("(B)", "choice", ""),
        ("c", "choice", ""),
        ("Paris", "choice", "no letter of a choice"),
        (r"\frac{1}{2}", "math", ""),
        (r"\text{all real numbers except zero and one}", "math", ""),
        ("x = 5 or x = 7", "math", ""),
        (r"\frac{1}{", "math", "braces that do not close"),
        (r"\{1, 2\}", "math", ""),
        ("—", "math", "neither letters nor digits"),
        (PROOF, "math", "prose of 19 words"),
        (PROOF, "text", ""),
        ("...", "text", "neither letters nor digits"),
        ("1" * 20_000, "math", "longer than"),
    ],
)
def test_which_references_are_read(reference, kind, why):
    assert unreadable(reference, kind).startswith(why)
    assert bool(unreadable(reference, kind)) == bool(why)


@pytest.mark.parametrize(
    ("reference", "kind", "doubt"),
    [
        ("49,5", "math", "two numbers to the grader"),
        ("-49,50", "math", "two numbers to the grader"),
        ("1,234", "math", ""),  # thousands
        ("49.5", "math", ""),
        ("1, 2", "math", ""),  # plainly a list
        ("49,5", "text", ""),
        (PROOF, "math", "no grader reads them: prose"),
        ("Paris", "choice", "no grader reads them: no letter of a choice"),
    ],
)
def test_references_that_may_be_meant_otherwise(reference, kind, doubt):
    assert doubt_about(reference, kind).startswith(doubt)
    assert bool(doubt_about(reference, kind)) == bool(doubt)


@pytest.mark.parametrize("name", ["amc23", "aime24", "aime25", "minerva"])
def test_all_references_of_the_published_sets_are_read(data, name):
    found = load_known(name, data / "eval")
    assert found.unread() == {}
    assert found.readable() is found


def test_they_are_listed_and_left_out_only_if_asked(tmp_path):
    rows = [{"id": "a", "problem": "1+1?", "answer": "2"}, {"id": "b", "problem": "Why?", "answer": PROOF}]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = load_data(path)
    assert [p.id for p in found.problems] == ["a", "b"]
    assert found.unread() == {"b": f"prose of 19 words: {PROOF[:57] + '...'!r}"}
    kept = found.readable()
    assert ([p.id for p in kept.problems], kept.left_out) == (["a"], {"reference_not_readable": 1})
    assert kept.sha256 != found.sha256
    path.write_text(json.dumps(rows[1]) + "\n")
    with pytest.raises(DataError, match=r"mine.jsonl: no grader reads any of its references; the first is 'b', prose"):
        load_data(path).readable()
