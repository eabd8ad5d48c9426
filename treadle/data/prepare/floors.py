"""The floors of what is prepared: which steps they are measured on, within a bounded time.

The steps are drawn by a hash of trajectory and step, so the same data has the same floors in whatever order its rows
come and however many processes read them. Every second trajectory, in the order of its hash, gives steps to choose
constants on, the others those to measure on. Comparing two texts takes a time that grows as the product of their
lengths, so both samples end where the products add up to a budget, which is about half a second each.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from treadle.data.instances import check_target
from treadle.data.prepare.parts import Facts
from treadle.data.prepared import Prepared
from treadle.data.prepared_files import reading, trajectory_of
from treadle.domains.registry import find
from treadle.scoring.floors import Constants, Floor, Place, choose_constants, highest, measure_floors

CHOSEN_ON, MEASURED_ON = 100, 200
"""Most steps that constants are chosen on (all against all, 10,000 pairs) and that floors are measured on."""
BUDGET = 200_000_000
"""Products of lengths, in characters, that either sample may take."""
OVERHEAD = 60
"""Characters that a text counts beyond its own: what a short pair costs in itself."""
LONGEST = 2_000
"""Longer texts are compared by their beginning."""
SHOWN, SHOWN_TEXTS = 200, 12
"""Characters of a constant, and constants of a policy, that a report shows."""

_FUNCTION = re.compile(r"\s*<function=([^>\s]+)")
_COMMAND = re.compile(r"\s*(?:cd \S+ && )?(\S+)")


@dataclass(frozen=True)
class _Draw:
    """A step that was drawn: its trajectory's number, its place among that one's targets, its place in the order."""

    number: int
    target: int
    key: int


class FloorSample:
    """Draws steps, is shown the trajectories that they are of, and measures floors.

    Args:
        facts: Of all trajectories.
        numbers: The trajectories that are trained on.
    """

    def __init__(self, facts: Sequence[Facts], numbers: Sequence[int]) -> None:
        hashes = {n: int.from_bytes(hashlib.blake2b(facts[n].id.encode(), digest_size=8).digest()) for n in numbers}
        ranked = sorted(numbers, key=lambda n: (hashes[n], facts[n].id))
        self._halves = [_drawn(ranked[k::2], hashes, facts, most) for k, most in enumerate((CHOSEN_ON, MEASURED_ON))]
        self._wanted: dict[int, list[_Draw]] = {}
        for draw in (draw for half in self._halves for draw in half):
            self._wanted.setdefault(draw.number, []).append(draw)
        self._places: dict[_Draw, Place] = {}
        self._cut: set[_Draw] = set()

    def wants(self, number: int) -> bool:
        """Whether steps of trajectory `number` were drawn."""
        return number in self._wanted

    def look_at(self, table: pa.Table, row: int, number: int) -> None:
        """Take the steps that were drawn from trajectory `number`, which is in this row of a table of parts.

        Raises:
            DataError: It has not so many steps.
        """
        if not self.wants(number):
            return
        data = table.select(["id", "problem", "domain", "meta", "targets"]).slice(row, 1).to_pylist()[0]
        actions = table["steps"].slice(row, 1).combine_chunks().flatten().field("action").to_pylist()
        form = str(json.loads(data["meta"]).get("form") or "")
        for draw in self._wanted[number]:
            step = data["targets"][draw.target]
            check_target(data["id"], step, len(actions))
            action, before = actions[step - 1], actions[step - 2] if step > 1 else None
            if len(action) > LONGEST:
                self._cut.add(draw)
            self._places[draw] = Place(
                trajectory=data["id"],
                step=step,
                action=action[:LONGEST],
                problem=data["problem"],
                before=before and before[:LONGEST],
                form=form,
                tool=tool_of(action) if find(data["domain"]).of_calls else None,
            )

    def halves(self) -> tuple[list[Place], list[Place]]:
        """Steps to choose on and steps to measure on; the first as many as constants can be chosen of in time."""
        chosen, measured = self._halves
        return [self._places[draw] for draw in self._affordable(chosen)], [self._places[draw] for draw in measured]

    def measure(self) -> dict[str, Any] | None:
        """What `report.json` says of floors; `None` where there are not two trajectories."""
        chosen, measured = self._halves
        if not chosen or not measured:
            return None
        chosen = self._affordable(chosen)
        constants = choose_constants([self._places[draw] for draw in chosen])
        measured = self._affordable(measured, constants)
        places = [self._places[draw] for draw in measured]
        floors = measure_floors(constants, places)
        best = highest(floors)
        return {
            "floor": {name: best[name] for name in ("name", "value", "low", "high")},
            "policies": [_shown(floor) for floor in floors],
            "chosen_on": self._described(chosen),
            "measured_on": self._described(measured),
            "pairs": len({self._places[draw].action for draw in chosen}) ** 2
            + len({(text, p.action) for p in places for _, text in constants.answers(p).values()}),
            "longest": LONGEST,
            "cut": len(self._cut & {*chosen, *measured}),
        }

    def _affordable(self, draws: list[_Draw], constants: Constants | None = None) -> list[_Draw]:
        """As many of the first of `draws` as the budget allows, at least one: all against all without constants, else
        against what policies answer."""
        spent, seen = 0, set()
        for count, draw in enumerate(draws):
            place = self._places[draw]
            size = len(place.action) + OVERHEAD
            if constants is None:
                spent += 0 if place.action in seen else size
                seen.add(place.action)
                over = spent**2 > BUDGET
            else:
                spent += size * sum(len(text) + OVERHEAD for text in {t for _, t in constants.answers(place).values()})
                over = spent > BUDGET
            if over and count:
                return draws[:count]
        return draws

    def _described(self, draws: list[_Draw]) -> dict[str, int]:
        return {"steps": len(draws), "trajectories": len({draw.number for draw in draws})}


def sample_of(prepared: Prepared) -> FloorSample:
    """The sample that `prepare` took of this folder, taken again: to measure further policies on the same steps.

        example_floor(actions, *sample_of(prepared).halves(), own=ids)

    It reads all trajectories that are trained on once, a row group at a time.
    """
    with reading(prepared.folder):
        return _sampled(prepared)


def _sampled(prepared: Prepared) -> FloorSample:
    instances = pq.read_table(prepared.instance_file("train"))
    file = pq.ParquetFile(prepared.trajectory_file("train"))
    targets: list[list[int]] = [[] for _ in range(file.metadata.num_rows)]
    for number, step in zip(*(instances[name].to_pylist() for name in ("trajectory", "step")), strict=True):
        targets[number].append(step)
    ids = file.read(columns=["id"])["id"].to_pylist()
    facts = [Facts(id, None, len(steps), 0, None) for id, steps in zip(ids, targets, strict=True)]
    sample = FloorSample(facts, range(len(facts)))
    number = 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        own = pa.array(targets[number : number + len(table)], pa.list_(pa.int16()))
        table = table.append_column("targets", own)
        for row in range(len(table)):
            if sample.wants(number):  # of a folder that may have been mended by hand
                trajectory_of(table.slice(row, 1).to_pylist()[0], prepared.trajectory_file("train"), number)
            sample.look_at(table, row, number)
            number += 1
    return sample


def tool_of(action: str) -> str | None:
    """The name of the tool that an agent calls: that of a `<function=...>` block, else the command's first word,
    after a change of folder."""
    found = _FUNCTION.match(action) or _COMMAND.match(action)
    return found[1] if found else None


def _drawn(ranked: list[int], hashes: dict[int, int], facts: Sequence[Facts], most: int) -> list[_Draw]:
    """The `most` targets of these trajectories whose hash is smallest, in its order."""
    counts = [facts[n].n_targets for n in ranked]
    owner = np.repeat(np.arange(len(ranked)), counts)
    target = np.arange(len(owner)) - np.repeat(np.cumsum([0, *counts[:-1]]), counts) if ranked else owner
    base = np.array([hashes[n] for n in ranked], dtype=np.uint64)
    keys = _mixed(base[owner] + target.astype(np.uint64)) if ranked else base
    return [_Draw(ranked[owner[k]], int(target[k]), int(keys[k])) for k in np.argsort(keys, kind="stable")[:most]]


def _mixed(values: np.ndarray) -> np.ndarray:
    """A well-spread number of each (the finaliser of splitmix64, G. L. Steele and others, OOPSLA 2014)."""
    values = values * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _shown(floor: Floor) -> dict[str, Any]:
    texts = [
        {**text, "text": text["text"][: SHOWN - 1] + "…" if len(text["text"]) > SHOWN else text["text"]}
        for text in floor["texts"][:SHOWN_TEXTS]
    ]
    return {**floor, "texts": texts}
