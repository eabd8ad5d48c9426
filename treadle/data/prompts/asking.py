"""What a prompt asks for besides the task: thoughts or none, the form of the expert's steps, worked examples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from treadle.errors import DataError
from treadle.scoring.thoughts import PLAIN as PLAIN_TAGS
from treadle.trajectory import Step, Trajectory

StepForm = Literal["titled", "named", "numbered", "calculation", "line", "prose", "text"]
"""How steps are written: with a number and a title in bold; with a number and a plain title; with a number; as the
calculation that answers a question; as one line each; as passages of a solution in prose; as text."""

_SHOWN = ("action", "thought", "observation", "title")
"""What a prompt shows of an example's step."""
_NUMBER = re.compile(  # as the numbers that `treadle.data.sources.math.numbered` cuts at begin, somewhat wider
    r"(?:\#+\s*|\*\*\s*)*(?:"
    r"(?:step|[ée]tape|schritt|paso|passo|passaggio|krok|bước|шаг|단계|步骤|步驟|ステップ|手順)\s*"
    r"(?:\d+|[ivx]+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[一二三四五六七八九十]+)(?!\w)"
    r"|第\s*(?:\d+|[一二三四五六七八九十]+)\s*步"
    r"|\(?\d+\s*(?:[.)](?!\d)|:)"
    r"|(?:(?<=[\#*])|(?<=\#\s)|\(?(?=[ivx]+[.)]\s*\*\*))[ivx]+[.)])",
    re.IGNORECASE,
)

_BOLD = re.compile(r"\(?\d+[.)]\s*\*\*|\*\*\s*(?:step\s*)?\d+\s*[.:)–-]?\s*\w", re.IGNORECASE)


def step_form(steps: Sequence[Step], segmented: bool = False) -> StepForm:
    """The form that most of these steps have; a form that fewer have would be asked of targets without it.

    Args:
        segmented: The steps were cut out of prose, see `treadle.data.sources.math.segmentation`.
    """
    most = len(steps) / 2
    titled = [step for step in steps if step.title and step.title in step.action.strip().split("\n", 1)[0]]
    if sum(bool(_NUMBER.match(step.action.lstrip())) for step in steps) > most:
        if segmented:  # whose titles were not looked for
            return "titled" if sum(bool(_BOLD.match(step.action)) for step in steps) > most else "numbered"
        if len(titled) <= most:
            return "numbered"
        bold = sum(f"**{step.title}" in step.action or f"{step.title}**" in step.action for step in titled)
        return "titled" if bold > len(titled) / 2 else "named"
    if segmented:
        return "prose"
    if sum(bool(step.title) for step in steps) - len(titled) > most:
        return "calculation"
    return "line" if sum("\n" not in step.action.strip() for step in steps) > most else "text"


def form_of(trajectory: Trajectory) -> StepForm:
    """The form of a trajectory's steps."""
    return step_form(trajectory.steps, bool(trajectory.meta.get("segmented")))


def in_a_box(answer: str) -> str:
    """The sentence with which a solution ends whose own text has no box, which the prompt of a whole one asks for."""
    return f"The final answer is \\boxed{{{answer}}}."


@dataclass(frozen=True)
class Example:
    """A worked example: a step of an expert's trajectory, as a prompt shows it.

    Args:
        problem: The trajectory's.
        steps: All of its steps.
        step: 1-based position of the step that is shown as the answer; those before are shown as done.
        answer: The trajectory's final answer, for prompts that ask for the whole solution.
        trajectory: Its id.
        form: Of its steps; `None` where it has to be seen from them.
    """

    problem: str
    steps: tuple[Step, ...]
    step: int
    answer: str | None = None
    trajectory: str = ""
    form: StepForm | None = None

    @property
    def previous(self) -> tuple[Step, ...]:
        return self.steps[: self.step - 1]

    @property
    def target(self) -> Step:
        return self.steps[self.step - 1]

    def next_step(self, asking: Asking) -> str:
        """The step as the model is asked to give it. A thought that is not known is three dots."""
        opening, closing = asking.tags
        thought = f"{opening}{(self.target.thought or '...').strip()}{closing}" if asking.think else ""
        return thought + self.target.action

    def solution(self) -> str:
        """The whole solution, with the answer in a box."""
        text = "\n".join(step.action for step in self.steps)
        boxed = self.answer is None or "\\boxed" in self.steps[-1].action
        return text if boxed else f"{text}\n{in_a_box(self.answer)}"


@dataclass(frozen=True)
class Asking:
    """How a task is asked for, the same for all prompts of a run.

    Args:
        think: Ask for thoughts between think tags before the step. Without, the step alone is asked for.
        examples: Worked examples, as turns before the task, so that all prompts begin alike.
        form: Of the steps, where no expert's are known, as in evaluation.
        tags: The opening and the closing tag of thoughts.
    """

    think: bool = True
    examples: tuple[Example, ...] = ()
    form: StepForm = "titled"
    tags: tuple[str, str] = PLAIN_TAGS.pair

    def record(self) -> dict[str, Any]:
        """What a trained model's `treadle_chat.json` says of it; the tags stand there by themselves."""
        examples = [
            {**asdict(example), "steps": [{name: getattr(step, name) for name in _SHOWN} for step in example.steps]}
            for example in self.examples
        ]
        return {"think": self.think, "form": self.form, "examples": examples}


def read_asking(record: Mapping[str, Any], tags: tuple[str, str]) -> Asking:
    """The inverse of `Asking.record`.

    Raises:
        DataError: The record is not of that form.
    """
    try:
        examples = tuple(
            Example(**{**example, "steps": tuple(Step(**step) for step in example["steps"])})
            for example in record.get("examples", [])
        )
        form = record.get("form", "titled")
        if unknown := {form, *(example.form for example in examples)} - {None, *get_args(StepForm)}:
            raise ValueError(f"unknown form {unknown.pop()!r}, expected one of {', '.join(get_args(StepForm))}")
        return Asking(bool(record.get("think", True)), examples, form, tags)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"treadle_chat.json: `prompts` is not as treadle writes it ({error}); take the key out, or copy the "
            "trained model's file again"
        ) from None


PLAIN = Asking()
"""The paper's: thoughts and a step, without examples."""
