"""The second pass: from the first pass's trajectories to the files of each split, one row group at a time."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from treadle.chat.chat import Chat
from treadle.data.instances import step_instance
from treadle.data.prepare.distribution import Distribution
from treadle.data.prepare.floors import FloorSample
from treadle.data.prepare.parts import PART_SCHEMA, Facts
from treadle.data.prepare.report import PrepareReport, example_of
from treadle.data.prepare.selection import Selection
from treadle.data.prepare.settings import PrepareSettings
from treadle.data.prepared import ROW_SCHEMA, SPLITS, Split, instance_schema
from treadle.data.sources.native import SCHEMA, read_native
from treadle.domains.digest import digest
from treadle.domains.registry import find
from treadle.trajectory import StepInstance

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SAMPLE = 200
"""Instances whose tokens are counted. All prompts together are quadratic in the length of trajectories."""
EXAMPLES = 3
ROWS_BYTES = 8_000_000
"""Materialised rows are held up to this size and then written as one row group."""


class SplitWriter:
    """Writes trajectories and instances of both splits, and measures what it writes.

    Args:
        folder: Where the files go.
        tokenizer: To count tokens and show prompts as the model will see them.
    """

    def __init__(
        self,
        folder: Path,
        facts: list[Facts],
        selection: Selection,
        settings: PrepareSettings,
        tokenizer: PreTrainedTokenizerBase | None,
    ) -> None:
        self.folder, self.facts, self.selection = folder, facts, selection
        self.settings, self.tokenizer = settings, tokenizer
        self._chat = Chat(tokenizer) if tokenizer else None
        self._distributions: dict[str, Distribution] = {}
        self._held: dict[Split, list[StepInstance]] = {split: [] for split in SPLITS}
        self._shown = self._choose_examples()
        self._sampled = self._choose_sample() if tokenizer else {}
        self._domains: Counter[str] = Counter()
        self._floors = FloorSample(facts, self._train())

    def write(self, parts: Path, report: PrepareReport) -> None:
        """Copy the selected trajectories of the file `parts` to those of the splits and fill in `report`."""
        with ExitStack() as stack:
            self._open(stack)
            source = pq.ParquetFile(parts)
            first = 0
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                for split in SPLITS:
                    numbers = [n for n in range(first, first + len(table)) if self._split(n) == split]
                    if numbers:
                        self._write_some(table.take([n - first for n in numbers]), numbers, split, report)
                first += len(table)
            for split in SPLITS:
                self._write_rows(split)
        for name, count in self._domains.most_common():
            domain = find(name)
            report.domains[name] = {"digest": digest(domain), "about": domain.about, "trajectories": count}
        report.floors = self._floors.measure()
        report.distributions = {name: found.summary() for name, found in self._distributions.items()}

    def _measure(self, name: str, value: float) -> None:
        self._distributions.setdefault(name, Distribution()).add(value)

    def _open(self, stack: ExitStack) -> None:
        def writer(name: str, schema: pa.Schema) -> dict[Split, pq.ParquetWriter]:
            return {
                split: stack.enter_context(_writer(self.folder / f"{name}_{split}.parquet", schema, "zstd"))
                for split in SPLITS
            }

        self._trajectories = writer("trajectories", SCHEMA)
        self._instances = writer("instances", instance_schema(self.settings.rendering))
        self._rows = writer("rows", ROW_SCHEMA) if self.settings.materialise else None

    def _split(self, number: int) -> Split | None:
        if number in self.selection.dropped:
            return None
        return "heldout" if number in self.selection.held_out else "train"

    def _write_some(self, table: pa.Table, numbers: list[int], split: Split, report: PrepareReport) -> None:
        at = report.trajectories[split]
        self._trajectories[split].write_table(table.select(SCHEMA.names).cast(SCHEMA))
        per_trajectory = pc.list_value_length(table["targets"]).to_numpy()
        steps = pc.list_flatten(table["targets"])
        references = pa.table(
            {"trajectory": np.repeat(np.arange(at, at + len(table), dtype=np.int32), per_trajectory), "step": steps},
            schema=self._instances[split].schema,
        )
        self._instances[split].write_table(references)
        report.trajectories[split] += len(table)
        report.instances[split] += len(steps)
        self._measure_all(table, report)
        report.repositories.update(repo for n in numbers if (repo := self.facts[n].repo))
        report.origins.update(origin for n in numbers if (origin := self.facts[n].origin))
        for row, number in enumerate(numbers):
            self._look_at(table, row, number, split, report)
            self._floors.look_at(table, row, number)

    def _measure_all(self, table: pa.Table, report: PrepareReport) -> None:
        self._domains.update(table["domain"].to_pylist())
        report.with_answer += len(table) - table["answer"].null_count
        for value in table["verified"].to_pylist():
            report.verified[{True: "true", False: "false", None: "unknown"}[value]] += 1
        for value in pc.list_value_length(table["steps"]).to_pylist():
            self._measure("steps per trajectory", value)
        steps = pc.list_flatten(table["steps"])
        for name in ("action", "thought", "observation"):
            lengths = pc.utf8_length(pc.struct_field(steps, name)).drop_null()
            for value in lengths.to_pylist():
                self._measure(f"{name}, characters", value)

    def _look_at(self, table: pa.Table, row: int, number: int, split: Split, report: PrepareReport) -> None:
        """Render the prompts of one trajectory that are asked for."""
        shown, sampled = self._shown.get(number), self._sampled.get(number, ())
        if not (self._rows or shown is not None or sampled):
            return
        (data,) = table.slice(row, 1).to_pylist()
        targets = data.pop("targets")
        trajectory = read_native(data, str(number))
        instances = {k: step_instance(trajectory, k, self.settings.rendering) for k in self._wanted(targets, number)}
        if self._rows:
            self._held[split] += [instances[k] for k in targets]
            if sum(len(m["content"]) for i in self._held[split] for m in i.prompt) > ROWS_BYTES:
                self._write_rows(split)
        if shown is not None:
            instance = instances[targets[shown]]
            report.examples.append(
                {
                    "id": f"{instance.trajectory_id}, step {instance.step} of {instance.n_steps}",
                    "prompt": example_of(self._text(instance), instance.trajectory_id),
                    "expert_action": example_of(instance.expert_action, instance.trajectory_id),
                }
            )
        for k in sampled:
            instance = instances[targets[k]]
            for name, text in (("prompt", self._text(instance)), ("action", instance.expert_action)):
                self._measure(f"{name}, tokens", len(self.tokenizer(text, add_special_tokens=False)["input_ids"]))

    def _write_rows(self, split: Split) -> None:
        if self._held[split]:
            self._rows[split].write_table(pa.Table.from_pylist([asdict(i) for i in self._held[split]], ROW_SCHEMA))
            self._held[split] = []

    def _wanted(self, targets: list[int], number: int) -> Iterator[int]:
        if self._rows:
            yield from targets
            return
        if (shown := self._shown.get(number)) is not None:
            yield targets[shown]
        yield from (targets[k] for k in self._sampled.get(number, ()))

    def _text(self, instance: StepInstance) -> str:
        if self._chat is not None:
            return self._chat.prompt_text(instance.prompt)
        return "\n".join(f"[{message['role']}]\n{message['content']}" for message in instance.prompt)

    def _train(self) -> list[int]:
        return [n for n in range(len(self.facts)) if self._split(n) == "train"]

    def _choose_examples(self) -> dict[int, int]:
        """A target each of the first, the middle and the last trajectory: an early, a second and a third one."""
        train = [n for n in self._train() if self.facts[n].n_targets]
        if not train:  # problems and answers have no steps to show
            return {}
        places = {train[k * (len(train) - 1) // (EXAMPLES - 1)]: k for k in reversed(range(EXAMPLES))}
        return {number: min(k, self.facts[number].n_targets - 1) for number, k in places.items()}

    def _choose_sample(self) -> dict[int, list[int]]:
        """Targets by trajectory, all of them or `SAMPLE` drawn at random."""
        train = self._train()
        ends = np.cumsum([self.facts[n].n_targets for n in train])
        total = int(ends[-1]) if len(ends) else 0
        chosen: dict[int, list[int]] = {}
        for place in range(total) if total <= SAMPLE else random.Random(0).sample(range(total), SAMPLE):
            row = int(np.searchsorted(ends, place, "right"))
            before = int(ends[row - 1]) if row else 0
            chosen.setdefault(train[row], []).append(place - before)
        return chosen


def write_outcomes(source: Path, target: Path, selection: Selection) -> None:
    """What became of each row, with the second pass's decisions, as JSON lines."""
    number = 0
    with source.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as out:
        for line in lines:
            outcome = json.loads(line)
            if "id" in outcome:
                if number in selection.dropped:
                    reason, detail = selection.dropped[number]
                    outcome = {**outcome, "dropped": str(reason), "detail": detail}
                elif number in selection.held_out:
                    outcome["split"] = "heldout"
                else:
                    outcome["split"] = "train"
                number += 1
            out.write(json.dumps(outcome, ensure_ascii=False) + "\n")


def part_writer(path: Path) -> pq.ParquetWriter:
    """Writer of the first pass's trajectories, which are read once and thrown away."""
    return _writer(path, PART_SCHEMA, "lz4")


def _writer(path: Path, schema: pa.Schema, compression: str) -> pq.ParquetWriter:
    # Statistics of text hold the smallest and largest value of each row group. A writer keeps them all in memory, and
    # nothing ever looks for a text by its order.
    return pq.ParquetWriter(path, schema, compression=compression, write_statistics=False)
