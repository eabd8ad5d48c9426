"""The example's modules, imported by their places as in a worker's process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from treadle.domains.domain import Task
from treadle.domains.places import imported_from

FOLDER = Path(__file__).parents[3] / "examples" / "data_analysis"


def of_example(place: str) -> Any:
    """What stands at `file.py:name` in the example's folder."""
    return imported_from(place, FOLDER, "test")


def task(tables: str = "orders", seed: int = 7, answer: str = "") -> Task:
    return Task("t", "a question", answer, {"tables": tables, "seed": seed})


def opened(tables: str = "orders", seed: int = 7) -> Any:
    """A world with these tables."""
    world = of_example("world.py:World")()
    world.reset(task(tables, seed))
    return world


def rows(table: str, tables: str = "orders", seed: int = 7) -> list[dict[str, Any]]:
    """A table's rows by column, without a database."""
    field = of_example("seeded_tables.py:FIELDS")[tables]
    made = of_example("seeded_tables.py:rows_of")(field, seed)
    return [dict(zip(field.columns[table], row, strict=True)) for row in made[table]]
