"""A rewriting's formulas and numbers stand in its original: by hand, and on the output of a reasoning model."""

from __future__ import annotations

import random

import pytest

from tests.teacher.examples import draft
from treadle.data.sources.reading import read_trajectories
from treadle.teacher.checks import Reason
from treadle.teacher.checks.follows import Follows, missing_in, pieces_of, strays

ORIGINAL = r"Let $x = \frac{3}{4}$ be given. Then $4x + 1 = 4$, that is $\boxed{4}$, as 1,200 people know."
REWRITTEN = (
    "1. **Take the given:** We have \\( x=\\dfrac34 \\), so that\n\\[ 4x+1 = 4 \\]\n\n"
    "2. **Conclude:** As 1200 people know, it is \\(\\boxed{4}\\)."
)


def test_pieces_by_hand():
    assert pieces_of("3. **Square:** From $a+b = 5$ we get \\[ (a+b)^2 = 25, \\] for 2 numbers.") == [
        "a+b",
        "5",
        "a+b^2",
        "25",
        "2",
    ]
    assert pieces_of("### Step 12: Look\nAll is clear.") == []


@pytest.mark.parametrize(
    ("piece", "text", "found"),
    [
        ("25", "there are 25 of them", True),
        ("25", "there are 125 of them", False),
        ("25", "there are 2.25 of them", False),
        ("1/2", r"with $\dfrac{1}{2}$", True),
        ("1/2", r"with $\frac12$", True),
        ("x^2", "$x^{2}$", True),
        ("3*60", "so 3 * 60 metres", True),
        ("3*60", r"so $3 \times 60$ metres", True),
        ("1200", "1,200 people", True),
    ],
)
def test_ways_to_set_a_formula_are_one(piece, text, found):
    assert (missing_in([piece], text) == []) is found


def test_a_rewriting_passes_and_one_that_brings_its_own_does_not():
    follows = Follows(0.5)
    assert follows(draft(REWRITTEN, original=ORIGINAL)) is None
    own = REWRITTEN.replace("4x+1 = 4", "y^2 = 17 + z, w = 23")
    fault = follows(draft(own, original=ORIGINAL))
    assert fault.reason is Reason.STRAYS
    assert fault.detail.startswith("step 1 (Take the given): 1 of 4 formulas and numbers occur in the original")
    assert "y^2" in fault.detail
    assert Follows(0.25)(draft(own, original=ORIGINAL)) is None


def test_a_draft_without_an_original_is_not_said_to_follow_one():
    assert not Follows(0.5).applies(draft())


def test_steps_with_few_pieces_are_judged_by_whether_any_is_found():
    assert not strays(0, 0, 0.5)
    assert not strays(2, 1, 0.9)
    assert strays(2, 2, 0.5)
    assert strays(10, 6, 0.5)
    assert not strays(10, 5, 0.5)


@pytest.mark.parametrize(("name", "own", "others"), [("math", 0.8, 0.15), ("gsm8k", 0.9, 0.12)])
def test_answers_of_a_reasoning_model_follow_their_own_thoughts_and_not_others(data, name, own, others):
    """R1's answer restates what its thoughts found, which is what a rewriting does. Measured: 84% and 96% of the
    answers pass at the default bar with their own thoughts, 12% and 10% with those of another problem."""
    rows = read_trajectories(data / "math" / f"deepseek_r1_{name}.jsonl", segment="prose", untitled="keep")
    found = [row for row in rows if row.steps[0].thought]
    chance = random.Random(0)

    def passes(row, thought):
        counts = [pieces_of(step.action) for step in row.steps]
        return not any(strays(len(p), len(missing_in(p, f"{row.problem}\n{thought}")), 0.5) for p in counts)

    with_own = [passes(row, row.steps[0].thought) for row in found]
    with_another = [passes(row, chance.choice([r for r in found if r is not row]).steps[0].thought) for row in found]
    assert sum(with_own) >= own * len(found)
    assert sum(with_another) <= others * len(found)
