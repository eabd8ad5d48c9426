"""From an issue and files to edits: asked for n times, applied, and one of them chosen.

The end of both `oracle` and `end-to-end`. An answer whose edits cannot be applied without doubt is an edit fault; it
stays one sample of n, and the task's verdict where all samples are faults.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from treadle.data.prompts.asking import Asking
from treadle.evaluate.swe.edits import apply_edits
from treadle.evaluate.swe.episodes import Answer, Ask, Episode, Outcome, too_long_outcome
from treadle.evaluate.swe.patches import PatchFault, diff_of
from treadle.evaluate.swe.records import SweInstance, Verdict
from treadle.evaluate.swe.settings import SweSettings
from treadle.evaluate.swe.wording import worded
from treadle.scoring.completion import FormatFault
from treadle.trajectory import Message

CountTokens = Callable[[list[Message]], int]
"""Length of a prompt in tokens."""
Breaks = Callable[[str], int]
"""How many of the repository's own tests that pass at the base do not pass with a patch."""


@dataclass(frozen=True)
class Shown:
    """A file, or parts of it, as a prompt shows it."""

    path: str
    text: str


@dataclass(frozen=True)
class Around:
    """What a mode is given beside its instance.

    Args:
        texts: The files of the repository at the base.
        asking: What the model is asked for beside the task.
        count: Length of a prompt; used only where prompts have a limit.
        breaks: For the choice by tests.
    """

    texts: Mapping[str, str]
    settings: SweSettings
    asking: Asking
    count: CountTokens
    breaks: Breaks | None = None

    def fits(self, prompt: list[Message]) -> bool:
        limit = self.settings.max_prompt_tokens
        return limit is None or self.count(prompt) <= limit

    def prompt(self, name: str, **variables: object) -> list[Message]:
        """A message of the user from a template."""
        opening, closing = self.asking.tags
        text = worded(f"prompts/{name}.j2", think=self.asking.think, open=opening, close=closing, **variables)
        return [{"role": "user", "content": text.strip()}]


@dataclass
class Candidate:
    """One sample: a patch, or why there is none."""

    patch: str = ""
    fault: str = ""
    reason: str = ""
    tolerant: int = 0
    after: dict[str, str | None] = field(default_factory=dict)

    @property
    def same_as(self) -> tuple[tuple[str, str], ...]:
        """What two candidates have alike that change the same: the code without comments and layout."""
        return tuple(sorted((path, _bare(path, text)) for path, text in self.after.items()))


def _bare(path: str, text: str | None) -> str:
    if text is None:
        return ""
    if path.endswith(".py"):
        try:
            return ast.dump(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())


def repair(instance: SweInstance, shown: Sequence[Shown], whole: bool, around: Around, **figures: Any) -> Episode:
    """Ask for edits of the files that are shown, and choose.

    Args:
        shown: What the prompt shows.
        whole: Whether it shows the files as they are.
        figures: What goes into the outcome's.
    """
    settings = around.settings
    prompt = around.prompt("repair", issue=instance.problem_statement, files=list(shown), whole=whole)
    if not around.fits(prompt):
        reason = f"the prompt has {around.count(prompt)} tokens, allowed are {settings.max_prompt_tokens}"
        return too_long_outcome(reason, **figures)
    asks = [Ask(f"repair/{k}", prompt, settings.answers(sampled=k > 0)) for k in range(settings.samples)]
    answers = yield asks
    if all(answer.too_long for answer in answers):
        return too_long_outcome(answers[0].generation.error or "", **figures)
    candidates = [_candidate(answer, around) for answer in answers]
    return _outcome(candidates, choose(candidates, settings.choice, around.breaks), figures)


def _candidate(answer: Answer, around: Around) -> Candidate:
    parsed, texts = answer.parsed, around.texts
    if answer.too_long:
        return Candidate(fault=Verdict.CONTEXT_TOO_LONG, reason=answer.generation.error or "")
    if isinstance(parsed, FormatFault):
        if parsed is FormatFault.EMPTY_ACTION:
            return Candidate(fault=Verdict.EMPTY, reason="the answer is empty")
        how = {FormatFault.TRUNCATED: f"the answer was cut off after {answer.generation.n_tokens} tokens"}
        return Candidate(fault=Verdict.EDIT_FAULT, reason=how.get(parsed, f"format of the thoughts: {parsed}"))
    edited = apply_edits(texts, parsed.action, whitespace=around.settings.whitespace)
    if edited.fault:
        verdict = Verdict.EMPTY if edited.fault == PatchFault.NO_CHANGE else Verdict.EDIT_FAULT
        return Candidate(fault=verdict, reason=f"{edited.fault}: {edited.reason}")
    patch = diff_of({path: texts.get(path) for path in edited.files}, edited.files)
    return Candidate(patch, tolerant=edited.tolerant, after=edited.files)


def choose(candidates: Sequence[Candidate], choice: str, breaks: Breaks | None = None) -> Candidate | None:
    """The candidate that is handed in; `None` where none has a patch.

    Of groups of one size the one that was sampled first is taken, so that the choice repeats.
    """
    usable = [candidate for candidate in candidates if candidate.patch]
    if not usable or choice == "first":
        return usable[0] if usable else None
    groups = list(_groups(usable).values())
    if choice == "tests" and breaks is not None and len(groups) > 1:
        broken = [breaks(group[0].patch) for group in groups]
        groups = [group for group, count in zip(groups, broken, strict=True) if count == min(broken)]
    return max(groups, key=len)[0]


def _groups(candidates: Sequence[Candidate]) -> dict[object, list[Candidate]]:
    found: dict[object, list[Candidate]] = {}
    for candidate in candidates:
        found.setdefault(candidate.same_as, []).append(candidate)
    return found


def _outcome(candidates: Sequence[Candidate], chosen: Candidate | None, figures: dict[str, Any]) -> Outcome:
    figures |= {
        "edits": len(candidates),
        "edit_faults": sum(candidate.fault == Verdict.EDIT_FAULT for candidate in candidates),
        "tolerant": sum(candidate.tolerant for candidate in candidates),
        "faults": [candidate.reason[:300] for candidate in candidates if candidate.fault],
        "distinct": len(_groups([candidate for candidate in candidates if candidate.patch])),
    }
    if chosen is not None:
        return Outcome(chosen.patch, figures=figures)
    first = next(_worst_first(candidates))
    others = f" (and {len(candidates) - 1} more samples without a patch)" if len(candidates) > 1 else ""
    return Outcome(fault=first.fault, reason=first.reason[:300] + others, figures=figures)


def _worst_first(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """A sample that tried to edit tells more than one that is empty."""
    yield from sorted(candidates, key=lambda candidate: candidate.fault == Verdict.EMPTY)
