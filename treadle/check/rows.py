"""One row of each stage exactly as the model is given it, and for SFT what it is trained on."""

from __future__ import annotations

from typing import NamedTuple

from treadle.check.subject import Subject
from treadle.recipe.schema import AnyStage
from treadle.recipe.sft_rows import has_answers


class Shown(NamedTuple):
    """A row as text, special tokens included.

    Args:
        prompt: What the model is given.
        trained: What it is trained on; `None` where it is rewarded for what it says itself.
    """

    prompt: str
    trained: str | None


def shown_rows(subject: Subject) -> dict[str, Shown]:
    """The first row of each stage."""
    return {stage.name: _shown(subject, stage) for stage in subject.stages} if subject.has_data else {}


def _shown(subject: Subject, stage: AnyStage) -> Shown:
    row = subject.rows(stage)[0]
    prompt = subject.chat.prompt(row["prompt"])
    if not has_answers(stage):
        return Shown(_text(subject, prompt), None)
    answer = subject.chat.answer(row["completion"][0]["content"])
    if stage.max_length is not None and stage.trl.get("truncation_mode", "keep_start") == "keep_start":
        answer = answer[: max(0, stage.max_length - len(prompt))]
        prompt = prompt[: stage.max_length]
    return Shown(_text(subject, prompt), _text(subject, answer))


def _text(subject: Subject, ids: list[int]) -> str:
    return subject.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
