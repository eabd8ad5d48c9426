"""The corpus: pairs with a verdict that does not come from the grader, by hand or from how the pair was made."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus"


def rows(name):
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["by_hand.jsonl", "pairs.jsonl", "spellings.jsonl"])
def test_every_verdict_is_the_corpus_s(grader, name):
    pairs = rows(name)
    kinds = [pair.get("kind", "math") for pair in pairs]
    grades = grader.judge([pair["answer"] for pair in pairs], [pair["reference"] for pair in pairs], kinds)
    differing = [(pair, grade) for pair, grade in zip(pairs, grades, strict=True) if grade.verdict != pair["verdict"]]
    assert differing == []


def test_the_corpus_is_large_and_gives_reasons():
    pairs = [*rows("by_hand.jsonl"), *rows("pairs.jsonl"), *rows("spellings.jsonl")]
    assert len(pairs) >= 1200
    assert len({(pair["answer"], pair["reference"], pair.get("kind")) for pair in pairs}) > 0.99 * len(pairs)
    assert all(pair["reason"] for pair in pairs)
    verdicts = Counter(pair["verdict"] for pair in pairs)
    assert min(verdicts["right"], verdicts["wrong"]) > 500
