"""The environment: a plan that grows by one decision line at a time, answered with the new state or why not.

An action is read by the grammar of its family and by nothing else: whole lines of ASCII, numbers of at most four
digits. What is no decision, or cannot be carried out, leaves the state as it was and is answered; after `PATIENCE` such
lines the plan is given up. Nothing here knows a solver: the cost is counted line by line.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from treadle.domains.domain import Task

LONGEST = 60
PATIENCE = 3
GIVEN_UP = "done."
_NUMBER = r"([0-9]{1,4})"
_NAME = r"([A-Z])"


class Refused(Exception):
    """A decision that cannot be carried out; the text says why."""


class Transport:
    """Goods go from plants to customers: `ship 3 from A to X`."""

    form = "ship N from PLANT to CUSTOMER"
    grammar = re.compile(rf"ship {_NUMBER} from {_NAME} to {_NAME}")

    def __init__(self, setup: dict[str, Any]) -> None:
        self.prices, self.left, self.open = setup["cost"], dict(setup["supply"]), dict(setup["demand"])
        self.cost = 0

    def decide(self, amount: int, plant: str, customer: str) -> None:
        if plant not in self.left or customer not in self.open:
            raise Refused(f"there is no way from {plant} to {customer}")
        if amount < 1:
            raise Refused("ship at least 1")
        if amount > self.left[plant]:
            raise Refused(f"{plant} has {self.left[plant]}")
        if amount > self.open[customer]:
            raise Refused(f"{customer} needs {self.open[customer]}")
        self.left[plant] -= amount
        self.open[customer] -= amount
        self.cost += amount * self.prices[plant][customer]

    @property
    def missing(self) -> str:
        """What the plan still lacks; empty for a complete one."""
        return _listed({name: amount for name, amount in self.open.items() if amount})

    @property
    def state(self) -> str:
        return f"left {_listed(self.left)}, open {self.missing or 'none'}"


class Lots:
    """Periods are decided in order, each covers its demand at once: `period 2 make 9`."""

    form = "period T make N"
    grammar = re.compile(rf"period {_NUMBER} make {_NUMBER}")

    def __init__(self, setup: dict[str, Any]) -> None:
        self.demand, self.setup, self.hold, self.most = (setup[key] for key in ("demand", "setup", "hold", "most"))
        self.period, self.stock, self.cost = 1, 0, 0

    def decide(self, period: int, amount: int) -> None:
        if period != self.period:
            raise Refused(f"period {self.period} is next")
        if amount > self.most:
            raise Refused(f"at most {self.most} can be made")
        stock = self.stock + amount - self.demand[period - 1]
        if stock < 0:
            raise Refused(f"{-stock} would be missing")
        self.stock, self.period = stock, period + 1
        self.cost += self.setup * (amount > 0) + self.hold * stock

    @property
    def missing(self) -> str:
        return f"period {self.period}" if self.period <= len(self.demand) else ""

    @property
    def state(self) -> str:
        return f"stock {self.stock}, next {self.missing or 'none'}"


class Reorder:
    """Packs ordered in a week are there the next week: `week 1 order 2`. The last week's demand ends the plan."""

    form = "week T order N"
    grammar = re.compile(rf"week {_NUMBER} order {_NUMBER}")

    def __init__(self, setup: dict[str, Any]) -> None:
        self.demand, self.pack, self.room = setup["demand"], setup["pack"], setup["room"]
        self.order, self.hold = setup["order"], setup["hold"]
        self.week, self.cost, self.stock = 1, 0, setup["stock"] - setup["demand"][0]
        self.cost += self.hold * self.stock

    def decide(self, week: int, packs: int) -> None:
        if week != self.week:
            raise Refused(f"week {self.week} is next")
        arrived = self.stock + packs * self.pack
        if arrived > self.room:
            raise Refused(f"{arrived} would be there in week {week + 1}, the room holds {self.room}")
        stock = arrived - self.demand[week]
        if stock < 0:
            raise Refused(f"{-stock} would be missing in week {week + 1}")
        self.week, self.stock = week + 1, stock
        self.cost += self.order * (packs > 0) + self.hold * stock

    @property
    def missing(self) -> str:
        return f"week {self.week}" if self.week < len(self.demand) else ""

    @property
    def state(self) -> str:
        return f"stock {self.stock}, next {self.missing or 'none'}"


class Routes:
    """One vehicle starts at home, H, and comes back to load: `go C`, `go H`."""

    form = "go PLACE"
    grammar = re.compile(rf"go {_NAME}")

    def __init__(self, setup: dict[str, Any]) -> None:
        self.distance, self.most = setup["distance"], setup["most"]
        self.open, self.place, self.room, self.cost = dict(setup["load"]), "H", setup["most"], 0

    def decide(self, place: str) -> None:
        if place == self.place:
            raise Refused(f"the vehicle is at {place}")
        if place != "H" and place not in self.open:
            raise Refused(f"no stop {place} is open")
        if place != "H" and self.open[place] > self.room:
            raise Refused(f"{place} takes {self.open[place]}, the vehicle has {self.room} left")
        self.cost += self.distance["".join(sorted((self.place, place)))]
        self.room = self.most if place == "H" else self.room - self.open.pop(place)
        self.place = place

    @property
    def missing(self) -> str:
        return " ".join(self.open) or ("" if self.place == "H" else "H")

    @property
    def state(self) -> str:
        return f"at {self.place}, room {self.room}, open {self.missing or 'none'}"


FAMILIES = {"transport": Transport, "lots": Lots, "reorder": Reorder, "routes": Routes}


class World:
    """One plan of any family (`treadle.domains.environment`)."""

    def reset(self, task: Task) -> None:
        family = task.setup.get("family") if isinstance(task.setup, dict) else None
        if family not in FAMILIES:
            raise ValueError(f"setup.family: found {family!r}, expected one of {', '.join(FAMILIES)}")
        self.plan = FAMILIES[family](task.setup)
        self.refused, self.over = 0, False

    def step(self, action: str) -> tuple[str, bool]:
        if self.over:
            return "The plan is closed.", True
        if action == GIVEN_UP:
            self.over = True
            return f"Closed, cost {self.plan.cost}; open {self.plan.missing or 'none'}.", True
        try:
            self.plan.decide(*self._read(action))
        except Refused as reason:
            self.refused += 1
            self.over = self.refused == PATIENCE
            return f"No: {reason}." + (" Given up." if self.over else ""), self.over
        self.over = not self.plan.missing
        return f"{self.plan.state}, cost {self.plan.cost}", self.over

    def copy(self) -> World:
        return copy.deepcopy(self)

    def close(self) -> None:
        """Nothing is held."""

    def _read(self, action: str) -> list[int | str]:
        """The parts of a decision line, numbers as numbers."""
        found = self.plan.grammar.fullmatch(action) if len(action) <= LONGEST else None
        if found is None:
            raise Refused(f"expected one line: {self.plan.form}")
        return [int(part) if part.isdigit() else part for part in found.groups()]


def _listed(amounts: dict[str, int]) -> str:
    return " ".join(f"{name} {amount}" for name, amount in amounts.items())
