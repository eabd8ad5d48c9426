r"""Grade a file of model outputs, for users who generate elsewhere. Rows are read, graded and written batch by batch.

An output is a string, chat messages (what the assistant says after the last user message), or a list of either, which
are several samples of one problem. A reference in which something is boxed, such as a whole solution, counts by its
last box, and one with a line `#### 540` by what follows it, as GSM8K has it.
"""

from __future__ import annotations

import json
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from treadle.domains.verdict_words import Verdict
from treadle.errors import DataError
from treadle.files.reading import iter_rows
from treadle.files.rows import Row
from treadle.scoring.answers import last_boxed
from treadle.scoring.extraction import Extraction, extract
from treadle.scoring.grading.grader import Grader
from treadle.scoring.grading.verdicts import Grade, GraderName

BATCH_SAMPLES = 512
BATCH_CHARACTERS = 16 << 20
_TEXT = (str, int, float)
_CONTENT = (str, list, type(None))
"""Of a message: text, parts of it, or none beside calls of tools."""


@dataclass
class Tally:
    """What became of a file's rows.

    Args:
        verdicts: Samples by verdict.
        right, samples: Right ones and all of each row, in order; two bytes a row, whatever its length.
        several: Whether outputs are lists of samples.
    """

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    right: array[int] = field(default_factory=lambda: array("H"))
    samples: array[int] = field(default_factory=lambda: array("H"))
    several: bool = False

    @property
    def ungraded(self) -> int:
        """Samples that were not graded since the grader hung or crashed."""
        return self.verdicts[Verdict.HUNG] + self.verdicts[Verdict.CRASHED]


def grade_file(
    path: str | Path,
    column: str,
    answer: str,
    kind: str,
    rule: Extraction,
    grader: Grader,
    out: IO[str] | None = None,
    name: GraderName = "treadle",
) -> Tally:
    """Grade all rows of `path`.

    Args:
        path: Whatever `treadle.files.reading.iter_rows` reads.
        column: Column of outputs.
        answer: Column of reference answers.
        kind: One of `treadle.scoring.grading.KINDS`.
        rule: What counts as an answer, see `treadle.scoring.extraction`; `"whole"` is the output with its thoughts.
        name: Whose verdicts: `treadle` or `math_verify`.
        out: Receives each row as a line with `model_answer`, `verdict` and `why` added; lists for lists of samples.

    Raises:
        DataError: A row cannot be read, or lacks a column, or a column holds something else.
    """
    tally = Tally()
    for batch in _batches(_read(row, column, answer, rule, kind) for row in iter_rows(path)):
        answers = [text for item in batch for text in item.answers]
        references = [item.reference for item in batch for _ in item.answers]
        grades = iter(grader.judge(answers, references, kind, name))
        for item in batch:
            _take(item, list(islice(grades, len(item.answers))), tally, out)
    return tally


@dataclass
class _Item:
    data: dict[str, Any]
    reference: str
    answers: list[str | None]
    several: bool
    size: int


def _take(item: _Item, grades: list[Grade], tally: Tally, out: IO[str] | None) -> None:
    tally.verdicts.update(grade.verdict for grade in grades)
    tally.right.append(sum(grade.verdict is Verdict.RIGHT for grade in grades))
    tally.samples.append(len(grades))
    tally.several = tally.several or item.several
    if out is not None:
        columns = (item.answers, [grade.verdict for grade in grades], [grade.why for grade in grades])
        added = [column if item.several else column[0] for column in columns]
        row = item.data | dict(zip(("model_answer", "verdict", "why"), added, strict=True))
        out.write(json.dumps(row, default=str) + "\n")


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    held: list[_Item] = []
    samples = characters = 0
    for item in items:
        held.append(item)
        samples += len(item.answers)
        characters += item.size
        if samples >= BATCH_SAMPLES or characters >= BATCH_CHARACTERS:
            yield held
            held, samples, characters = [], 0, 0
    if held:
        yield held


def _read(row: Row, column: str, answer: str, rule: Extraction, kind: str) -> _Item:
    for option, name in (("--column", column), ("--answer", answer)):
        if name not in row.data:
            raise DataError(
                f"{row.where}: no column {name!r}; found {', '.join(row.data) or 'none'}. Name one with {option}"
            )
    reference = row.data[answer]
    if isinstance(reference, bool) or not isinstance(reference, _TEXT) or not _says(reference):
        raise DataError(f"{row.where}: column {answer!r} holds {_shown(reference)}; expected a string or a number")
    texts = _samples(row.data[column])
    if texts is None or not 1 <= len(texts) < 1 << 16:
        raise DataError(
            f"{row.where}: column {column!r} holds {_shown(row.data[column])}; expected a string, chat messages, or a "
            "list of them as samples of one problem"
        )
    several = isinstance(row.data[column], list) and not _is_chat(row.data[column])
    wanted = reference_answer(str(reference))
    answers = [_extracted(text, rule, kind, wanted) for text in texts]
    return _Item(row.data, wanted, answers, several, sum(map(len, texts)))


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:60]!r}"


def _says(reference: str | float) -> bool:
    """Whether there is an answer: a missing number is NaN in tables."""
    if isinstance(reference, float):
        return math.isfinite(reference)
    return bool(str(reference).strip())


def reference_answer(text: str) -> str:
    """The answer that a reference gives, see above."""
    if (boxed := last_boxed(text)) is not None:
        return boxed
    return text.rpartition("####")[2].strip() if "####" in text else text


def _extracted(text: str, rule: Extraction, kind: str, reference: str) -> str | None:
    if rule == "whole":
        return text.strip() or None
    return extract(text, rule, kind, reference=reference)


def _samples(value: Any) -> list[str] | None:
    """The texts of an output; `None` where it is of no known form. A missing output is an empty text."""
    if not isinstance(value, list) or _is_chat(value):
        text = _output(value)
        return None if text is None else [text]
    texts = [_output(sample) for sample in value]
    return None if any(text is None for text in texts) else texts


def _output(value: Any) -> str | None:
    if value is None:
        return ""
    if _is_chat(value):
        if not all(isinstance(m.get("role", ""), str) and isinstance(m["content"], _CONTENT) for m in value):
            return None
        last_user = max((i for i, message in enumerate(value) if message.get("role") == "user"), default=-1)
        said = [m for m in value[last_user + 1 :] if m.get("role", "assistant") == "assistant"]
        return "\n".join(_content(message.get("content")) for message in said)
    return value if isinstance(value, str) else None


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(m, dict) and "content" in m for m in value)


def _content(content: Any) -> str:
    if isinstance(content, list):  # parts of a message, text among them
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
