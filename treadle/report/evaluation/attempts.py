"""Problems and attempts of a run as the page's script reads them, and as rows that are there without it.

An attempt is a short list of numbers; its words (answer, reason of the grade, ...) are numbers of one table of strings,
since most of them are the same thousands of times. What the lists hold, in order, is `FIELDS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from treadle.domains.registry import get
from treadle.evaluate.records import Key, Problem, Sample, Stop
from treadle.report.parts import Parts, parts
from treadle.report.text import label, shortened
from treadle.scoring.grading import Verdict
from treadle.scoring.thoughts import PLAIN, ThoughtTags
from treadle.trajectory import Step

FIELDS = ("arm", "index", "verdict", "stop", "fault", "tokens", "thought", "steps", "answer", "why", "flags", "texts")

ANSWER = 1000
"""Characters of an answer or of a reason that the page shows."""
STATEMENT = 8000
"""Characters of a problem's statement that the page shows."""

FLAGS = {
    "truncated": "cut off by the token limit",
    "format_fault": "broke the format",
    "no_answer": "gave no answer",
    "undecided": "was not decided by the grader",
    "unscorable": "cannot be scored",
    "repeated": "repeated a step",
    "step_limit": "met the step limit",
    "hung": "hung the grader",
    "crashed": "crashed the grader",
    "failed": "was not generated",
}
"""What an attempt can be searched for, and how the page says it."""


def flags(sample: Sample) -> list[str]:
    """Which of `FLAGS` an attempt has."""
    found = {
        "truncated": sample.stop is Stop.TRUNCATED,
        # A loop that is cut off has the fault `truncated`, which is no broken format.
        "format_fault": sample.fault is not None and sample.stop is not Stop.TRUNCATED,
        "no_answer": sample.verdict is Verdict.NO_ANSWER,
        "undecided": sample.verdict is Verdict.UNDECIDED,
        "unscorable": sample.verdict is Verdict.UNSCORABLE,
        "repeated": sample.stop is Stop.REPEATED,
        "step_limit": sample.stop is Stop.STEP_LIMIT,
        "hung": sample.verdict is Verdict.HUNG,
        "crashed": sample.verdict is Verdict.CRASHED,
        "failed": failed(sample),
    }
    return [name for name, holds in found.items() if holds]


def failed(sample: Sample) -> bool:
    """Whether the back end did not give all of it, so that there was nothing to grade."""
    return sample.stop is None


def sample_texts(sample: Sample, thought_tags: ThoughtTags = PLAIN) -> dict[str, Parts]:
    """The text of an attempt in parts."""
    return {"text": parts(sample.text, sample.thoughts, sample.steps, thought_tags)}


class Words:
    """A table of strings; the place of each is what stands for it."""

    def __init__(self) -> None:
        self.table: list[str] = []
        self._places: dict[str, int] = {}

    def __call__(self, word: str | None) -> int:
        """The place of `word`, -1 for none."""
        if word is None:
            return -1
        if word not in self._places:
            self._places[word] = len(self.table)
            self.table.append(word)
        return self._places[word]


@dataclass
class ProblemView:
    """A problem with its attempts: `rows` for the script (see `FIELDS`), the rest for the static list.

    `anchor` is its address on the page.
    """

    problem: Problem
    number: int
    anchor: str
    rows: list[list[Any]] = field(default_factory=list)
    right: Counter[tuple[str, str]] = field(default_factory=Counter)
    count: Counter[tuple[str, str]] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    before: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    file: str | None = None

    @property
    def key(self) -> str:
        return f"{self.problem.benchmark}/{self.problem.id}"

    @property
    def code(self) -> bool:
        """Whether attempts are shown as code, in which nothing is a formula."""
        domain = get(self.problem.domain)
        return domain is not None and domain.as_code

    @property
    def label(self) -> str:
        """The statement's beginning, in one line."""
        return label(Step(self.problem.problem), characters=110)

    @property
    def statement(self) -> str:
        return shortened(self.problem.problem, STATEMENT)

    @property
    def reference(self) -> str:
        return shortened(self.problem.answer, ANSWER)

    def add(self, sample: Sample, arms: list[tuple[str, str]], words: Words, texts: dict[str, Parts]) -> None:
        """Count an attempt and keep its row, with the texts that the page has of it."""
        arm = (sample.key.mode, sample.key.decoding)
        found = flags(sample)
        self.count[arm] += 1
        self.right[arm] += sample.right
        self.flagged.update(found)
        answer = None if sample.answer is None else shortened(sample.answer, ANSWER)
        row = {
            "arm": arms.index(arm),
            "index": sample.key.index,
            "verdict": words("failed" if failed(sample) else str(sample.verdict)),
            "stop": words(str(sample.stop) if sample.stop else None),
            "fault": words(str(sample.fault) if sample.fault else None),
            "tokens": sample.n_tokens,
            "thought": sample.thought_tokens,
            "steps": len(sample.steps),
            "answer": words(answer),
            "why": words(shortened(sample.why, ANSWER)),
            "flags": [words(name) for name in found],
            "texts": texts,
        }
        self.rows.append([row[name] for name in FIELDS])

    def add_missing(self, arms: list[tuple[str, str]], counts: Mapping[tuple[str, str], int], words: Words) -> None:
        """Rows for the attempts that the back end did not give, which samples.jsonl leaves out."""
        there = {(row[0], row[1]) for row in self.rows}
        for place, arm in enumerate(arms):
            for index in range(counts.get(arm, 0)):
                if (place, index) not in there:
                    key = Key(self.problem.benchmark, self.problem.id, *arm, index)
                    self.add(Sample(key, self.problem.answer), arms, words, {"text": []})

    def data(self) -> dict[str, Any]:
        """What the script reads."""
        self.rows.sort(key=lambda row: row[:2])
        return {
            "key": self.key,
            "anchor": self.anchor,
            "benchmark": self.problem.benchmark,
            "before": [[*arm, *counts] for arm, counts in self.before.items()],
            "file": self.file,
            "rows": self.rows,
            **({"code": True} if self.code else {}),
        }
