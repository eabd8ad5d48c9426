"""Drafts and solutions for tests."""

from __future__ import annotations

from treadle.teacher.drafts import Draft, Origin

ORIGIN = Origin("solve", "teacher", "0" * 64)
GOOD = (
    "1. **Write the sum:** We are asked for $3 + 4$, a sum of two whole numbers that follow each other.\n\n"
    "2. **Add:** Counting on from three gives $3 + 4 = 7$, so the answer is $\\boxed{7}$."
)


def draft(text=GOOD, **fields):
    return Draft(
        **{
            "problem_id": "sum",
            "problem": "What is $3 + 4$?",
            "answer": "7",
            "thought": "",
            "text": text,
            "n_tokens": 50,
            "origin": ORIGIN,
            **fields,
        }
    )
