"""The nouns of teaching: a `Draft` is a text that may become an expert's solution, its `Origin` how it came to be.

Both know nothing of models, files or checks. What is asked and answered lies in `treadle.teacher.store`, what is kept
of it is written by `treadle.teacher.kept`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

OriginKind = Literal["solve", "rewrite", "bootstrap"]
Ending = Literal["complete", "cut_off", "open_thought"]
"""How a text ends: by itself, at the limit of tokens, or within a thought that is never closed."""


@dataclass(frozen=True)
class Origin:
    """How a text came to be; kept with it for good.

    Args:
        kind: What was done: a problem solved, a solution rewritten, a student's own solution taken.
        model: Name of the model that wrote it.
        prompt_sha256: Of the chat messages that it answers, see `treadle.teacher.asking.prompt_digest`.
        sample: Which of the samples of its problem, from 0.
        round: Of bootstrapping, from 1; 0 where there are no rounds.
        attempt: Which try at this sample, from 1; later ones were told what was wrong with the one before.
        checks: Names of the checks that it passed, in order.
    """

    kind: OriginKind
    model: str
    prompt_sha256: str
    sample: int = 0
    round: int = 0
    attempt: int = 1
    checks: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """As it stands in trajectories.jsonl, under `origin`."""
        return {**asdict(self), "checks": list(self.checks)}


@dataclass(frozen=True)
class Draft:
    """A text that may become an expert's solution.

    Args:
        problem_id, problem: What it solves.
        answer: The reference answer; `None` where there is none.
        thought: What was thought before it, without tags; empty for none.
        text: The solution without thoughts.
        n_tokens: Length of all that was generated for it, thoughts included.
        origin: How it came to be.
        kind: How answers are graded, one of `treadle.scoring.grading.KINDS`.
        ending: How what was generated ended.
        original: The solution that it rewrites; `None` where it rewrites none.
    """

    problem_id: str
    problem: str
    answer: str | None
    thought: str
    text: str
    n_tokens: int
    origin: Origin
    kind: str = "math"
    ending: Ending = "complete"
    original: str | None = None

    @property
    def id(self) -> str:
        """Unique among the drafts of a run: of the problem, the round where there are rounds, and the sample."""
        within = f"round{self.origin.round}-" if self.origin.round else ""
        return f"{self.problem_id}#{within}{self.origin.sample}"

    def passed(self, *names: str) -> Draft:
        """The same draft with these checks among those that it passed."""
        return replace(self, origin=replace(self.origin, checks=(*self.origin.checks, *names)))
