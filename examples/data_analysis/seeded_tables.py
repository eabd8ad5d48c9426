"""Tables that a seed makes: one of events and one of what the events belong to, in three fields.

The same field and seed give the same rows on every machine, so that a task's `setup` is no more than
`{"tables": "orders", "seed": 7}`. All values are whole numbers and short words: sums are exact, whatever their order.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

ROWS = 90
ENTITIES = 14
PERIODS = 6


@dataclass(frozen=True)
class Field:
    """Of which things the tables tell.

    Args:
        events: Name of the table of events; its columns are `id`, `entity`, `kinds`, `period`, `measures`.
        entities: Name of the table of what they belong to; its columns are `entity` and `traits`.
        entity: The column that joins the two, a number.
        kinds, traits: Columns of words with the words that they hold.
        period: A column of numbers from 1 to `PERIODS`.
        measures: Columns of numbers with the largest that they hold.
    """

    events: str
    entities: str
    entity: str
    kinds: Mapping[str, tuple[str, ...]]
    period: str
    measures: Mapping[str, int]
    traits: Mapping[str, tuple[str, ...]]

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Of both tables."""
        events = ("id", self.entity, *self.kinds, self.period, *self.measures)
        return {self.events: events, self.entities: (self.entity, *self.traits)}

    @property
    def schema(self) -> str:
        """As a question shows it."""
        return "Tables: " + " ".join(f"{name}({','.join(columns)})" for name, columns in self.columns.items())


FIELDS = {
    "orders": Field(
        events="orders",
        entities="customers",
        entity="customer",
        kinds={"status": ("paid", "open", "refunded"), "product": ("lamp", "chair", "table", "shelf")},
        period="month",
        measures={"units": 20, "amount": 500},
        traits={"city": ("Oslo", "Lima", "Cairo", "Delhi"), "tier": ("gold", "silver", "basic")},
    ),
    "stock": Field(
        events="moves",
        entities="items",
        entity="item",
        kinds={"kind": ("received", "shipped", "returned"), "depot": ("north", "south", "east", "west")},
        period="week",
        measures={"pieces": 60, "cost": 900},
        traits={"category": ("tools", "paint", "pipes", "wire"), "supplier": ("Acme", "Borel", "Cobalt")},
    ),
    "sensors": Field(
        events="readings",
        entities="sensors",
        entity="sensor",
        kinds={"state": ("normal", "late", "faulty"), "shift": ("dawn", "day", "dusk", "night")},
        period="day",
        measures={"heat": 90, "power": 400},
        traits={"room": ("boiler", "office", "cellar", "attic"), "model": ("alpha", "beta", "gamma")},
    ),
}


def rows_of(field: Field, seed: int) -> dict[str, list[tuple[int | str, ...]]]:
    """The rows of both tables; the last two entities have no events."""
    rng = random.Random(f"{field.events}/{seed}")
    entities = [(number, *(rng.choice(words) for words in field.traits.values())) for number in range(1, ENTITIES + 1)]
    events = [
        (
            number,
            rng.randint(1, ENTITIES - 2),
            *(rng.choice(words) for words in field.kinds.values()),
            rng.randint(1, PERIODS),
            *(rng.randint(1, largest) for largest in field.measures.values()),
        )
        for number in range(1, ROWS + 1)
    ]
    return {field.events: events, field.entities: entities}
