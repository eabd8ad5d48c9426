"""Rows as engines' dataset classes read them: parquet for training and for validation, written in constant memory.

The messages are those that the model is shown, with the system message where the recipe puts it, so that an engine's
own rendering by the tokenizer's template gives the same tokens. That is compared on the first rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

from treadle.chat.chat import Chat
from treadle.data.prepared import Prepared, Split
from treadle.data.prepared_files import reading
from treadle.errors import ModelError
from treadle.files.whole import appearing_file
from treadle.recipe.schema import RLStage, SRLStage

BATCH = 256
"""Rows of a row group: so many are in memory at a time."""
COMPARED = 256
"""Prompts of a file whose tokens are compared with the engine's."""
STEP, SOLUTION, ANSWER = "treadle/step", "treadle/solution", "treadle/answer"
"""Values of `data_source`, by which engines group their metrics of validation and `Scorer` tells rows apart."""

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
_EXTRA = pa.struct(
    [
        ("split", pa.string()),
        ("index", pa.int64()),
        ("trajectory", pa.string()),
        ("step", pa.int32()),
        ("thought_tags", pa.list_(pa.string())),
        ("contrast", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True)
class Columns:
    """What an engine calls its columns, where engines differ.

    Args:
        reference: The column with `ground_truth`: the expert's action, solution or final answer.
        kind: The other field of that, which says `rule`.
        env_class: What a column of that name says in each row; `None` for no such column.
    """

    reference: str
    kind: str
    env_class: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """`ability` is the domain, `step` null for a whole problem, `thought_tags` both tags and what the prompt has
        done with the first (`treadle.scoring.thoughts.Block`)."""
        fields = [
            ("data_source", pa.string()),
            ("prompt", pa.list_(_MESSAGE)),
            ("ability", pa.string()),
            (self.reference, pa.struct([(self.kind, pa.string()), ("ground_truth", pa.string())])),
            ("extra_info", _EXTRA),
        ]
        return pa.schema(fields + ([("env_class", pa.string())] if self.env_class else []))

    def of(self, truth: str) -> dict[str, Any]:
        """The columns that are called otherwise elsewhere, of one row."""
        reference = {self.reference: {self.kind: "rule", "ground_truth": truth}}
        return {**reference, "env_class": self.env_class} if self.env_class else reference


@dataclass(frozen=True)
class Written:
    """What a file holds.

    Args:
        rows: Their number.
        longest: Tokens of the longest prompt.
    """

    rows: int
    longest: int


def write_rows(
    rows: Dataset,
    stage: RLStage,
    prepared: Prepared,
    split: Split,
    chat: Chat,
    path: Path,
    columns: Columns,
    batch: int = BATCH,
) -> Written:
    """Write the rows of a stage.

    Args:
        rows: As `treadle.recipe.training_data` or `validation_rows` gives them, rendered on access.
        columns: The engine's.
        batch: Rows of a row group.

    Raises:
        ModelError: The chat template refuses a prompt, or an engine would make other tokens of it.
        OutputError: The file cannot be written.
    """
    longest = 0
    with appearing_file(path) as file, pq.ParquetWriter(file, columns.schema) as writer:
        for number, entries in enumerate(_batches(rows, stage, prepared, split, chat, columns, batch)):
            prompts = [entry["prompt"] for entry in entries]
            ids = chat.prompts(prompts)
            longest = max(longest, *map(len, ids))
            _compare(prompts, ids, chat, entries, COMPARED - number * batch)
            writer.write_table(pa.Table.from_pylist(entries, columns.schema), row_group_size=batch)
    return Written(len(rows), longest)


def _batches(
    rows: Dataset, stage: RLStage, prepared: Prepared, split: Split, chat: Chat, columns: Columns, batch: int
) -> Iterator[list[dict[str, Any]]]:
    with reading(file := prepared.trajectory_file(split)):
        domains = pq.read_table(file, columns=["domain"])["domain"].combine_chunks().dictionary_encode()
    numbers = rows.with_format("numpy")
    tags = chat.thought_tags
    for start in range(0, len(rows), batch):
        stop = min(start + batch, len(rows))
        found, of = rows[start:stop], numbers[start:stop]["trajectory"].tolist()
        contrasts = found.get("contrast") or [None] * (stop - start)
        entries = []
        for place, trajectory in enumerate(of):
            prompt, action = found["prompt"][place], found["expert_action"][place]
            whole = found["step"][place] is None
            told = tags.of_prompt(prompt)
            entries.append(
                {
                    "data_source": _source(stage, whole, action),
                    "prompt": chat.messages(prompt),
                    "ability": domains[trajectory].as_py(),
                    **columns.of(_truth(action, found["answer"][place])),
                    "extra_info": {
                        "split": split,
                        "index": start + place,
                        "trajectory": found["trajectory_id"][place],
                        "step": found["step"][place],
                        "thought_tags": [*told.pair, str(told.block)],
                        "contrast": contrasts[place],
                    },
                }
            )
        yield entries


def _source(stage: RLStage, whole: bool, action: str | None) -> str:
    if action is None:
        return ANSWER
    return SOLUTION if whole and isinstance(stage, SRLStage) else STEP


def _truth(action: str | None, answer: Any) -> str:
    if action is not None:
        return action
    return "" if answer is None else str(answer)


def _compare(prompts: list[Any], ids: list[list[int]], chat: Chat, entries: list[dict[str, Any]], most: int) -> None:
    """Raise `ModelError` where an engine's rendering, the tokenizer's template as it stands, gives other tokens."""
    variables = chat.settings.template_kwargs
    for prompt, expected, entry in list(zip(prompts, ids, entries, strict=True))[: max(0, most)]:
        found = chat.tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=True, **variables)
        found = found if isinstance(found, list) else found["input_ids"]
        if found != expected:
            place = next((k for k, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), len(expected))
            extra = entry["extra_info"]
            raise ModelError(
                f"{chat.template.name}: the engine would render the prompt of row {extra['index'] + 1} (trajectory "
                f"{extra['trajectory']!r}) otherwise, from token {place + 1} on: {len(found)} tokens, expected "
                f"{len(expected)}. A template that shows today's date, or takes texts in blocks, is none that engines "
                "render alike; take another model's tokenizer (`tokenizer` in the recipe)"
            )
