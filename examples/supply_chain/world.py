"""The environment: a plan that grows by one decision line at a time, answered with the new state or why not.

An action is read by the grammar of its family and by nothing else: whole lines of ASCII, numbers of at most four
digits. What is no decision, or cannot be carried out, leaves the state as it was and is answered; after `PATIENCE` such
lines the plan is given up. Nothing here knows a solver: the cost is counted line by line.

The state is what is left of the instance, in the form of the instance itself. So whatever came before, all that the
next decision depends on is in the last answer, and what is left is an instance again (`rest`).
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
        needs = "".join(f"; {name} {amount} at {self._prices(name)}" for name, amount in self.rest["demand"].items())
        return f"Transport: {_listed(self.left)}{needs}"

    @property
    def rest(self) -> dict[str, Any]:
        """The setup of what is left to be decided."""
        demand = {name: amount for name, amount in self.open.items() if amount}
        return {"family": "transport", "supply": dict(self.left), "demand": demand, "cost": self.prices}

    def _prices(self, customer: str) -> str:
        return _listed({plant: prices[customer] for plant, prices in self.prices.items()})


class Lots:
    """Periods are decided in order, each covers its demand at once: `period 2 make 9`."""

    form = "period T make N"
    grammar = re.compile(rf"period {_NUMBER} make {_NUMBER}")

    def __init__(self, setup: dict[str, Any]) -> None:
        self.demand, self.setup, self.hold, self.most = (setup[key] for key in ("demand", "setup", "hold", "most"))
        self.period, self.stock, self.cost = setup.get("period", 1), setup.get("stock", 0), 0

    def decide(self, period: int, amount: int) -> None:
        if period != self.period:
            raise Refused(f"period {self.period} is next")
        if amount > self.most:
            raise Refused(f"at most {self.most} can be made")
        stock = self.stock + amount - self.demand[0]
        if stock < 0:
            raise Refused(f"{-stock} would be missing")
        self.stock, self.period, self.demand = stock, period + 1, self.demand[1:]
        self.cost += self.setup * (amount > 0) + self.hold * stock

    @property
    def missing(self) -> str:
        return f"period {self.period}" if self.demand else ""

    @property
    def state(self) -> str:
        needs = " ".join(map(str, self.demand))
        fixed = f"set-up {self.setup}, hold {self.hold}, most {self.most}"
        return f"Lots: {fixed}; period {self.period}, stock {self.stock}, need {needs}"

    @property
    def rest(self) -> dict[str, Any]:
        fixed = {"family": "lots", "setup": self.setup, "hold": self.hold, "most": self.most}
        return {**fixed, "period": self.period, "stock": self.stock, "demand": self.demand}


class Reorder:
    """Packs ordered for a week are there when it begins: `week 1 order 2`."""

    form = "week T order N"
    grammar = re.compile(rf"week {_NUMBER} order {_NUMBER}")

    def __init__(self, setup: dict[str, Any]) -> None:
        self.demand, self.pack, self.room = setup["demand"], setup["pack"], setup["room"]
        self.order, self.hold = setup["order"], setup["hold"]
        self.week, self.stock, self.cost = setup.get("week", 1), setup["stock"], 0

    def decide(self, week: int, packs: int) -> None:
        if week != self.week:
            raise Refused(f"week {self.week} is next")
        there = self.stock + packs * self.pack
        if there > self.room:
            raise Refused(f"{there} would be there, the room holds {self.room}")
        stock = there - self.demand[0]
        if stock < 0:
            raise Refused(f"{-stock} would be missing")
        self.stock, self.week, self.demand = stock, week + 1, self.demand[1:]
        self.cost += self.order * (packs > 0) + self.hold * stock

    @property
    def missing(self) -> str:
        return f"week {self.week}" if self.demand else ""

    @property
    def state(self) -> str:
        needs = " ".join(map(str, self.demand))
        fixed = f"order {self.order}, hold {self.hold}, pack {self.pack}, room {self.room}"
        return f"Reorder: {fixed}; week {self.week}, stock {self.stock}, need {needs}"

    @property
    def rest(self) -> dict[str, Any]:
        fixed = {"family": "reorder", "order": self.order, "hold": self.hold, "pack": self.pack, "room": self.room}
        return {**fixed, "week": self.week, "stock": self.stock, "demand": self.demand}


class Routes:
    """One vehicle starts at home, H, and comes back to load: `go C`, `go H`."""

    form = "go PLACE"
    grammar = re.compile(rf"go {_NAME}")

    def __init__(self, setup: dict[str, Any]) -> None:
        self.distance, self.most = setup["distance"], setup["most"]
        self.open, self.place, self.cost = dict(setup["load"]), setup.get("place", "H"), 0
        self.room = setup.get("room", self.most)

    def decide(self, place: str) -> None:
        if place == self.place:
            raise Refused(f"the vehicle is at {place}")
        if place != "H" and place not in self.open:
            raise Refused(f"no stop {place} is open")
        if place != "H" and self.open[place] > self.room:
            raise Refused(f"{place} takes {self.open[place]}, the vehicle has {self.room} left")
        self.cost += self._far(self.place, place)
        self.room = self.most if place == "H" else self.room - self.open.pop(place)
        self.place = place

    @property
    def missing(self) -> str:
        return " ".join(self.open) or ("" if self.place == "H" else "H")

    @property
    def state(self) -> str:
        away = {stop: self._far(self.place, stop) for stop in [*self.open, "H"] if stop != self.place}
        stops = ", ".join(f"{stop} {load} away {away[stop]}" for stop, load in self.open.items())
        home = "" if self.place == "H" else f", H away {away['H']}" if stops else f"H away {away['H']}"
        names = [*self.open, *([] if self.place == "H" else ["H"])]
        pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        ways = "".join(f"{', ' if i else '; '}{a} {b} {self._far(a, b)}" for i, (a, b) in enumerate(pairs))
        return f"Routes: most {self.most}; at {self.place}, room {self.room}; {stops}{home}{ways}"

    @property
    def rest(self) -> dict[str, Any]:
        fixed = {"family": "routes", "most": self.most, "distance": self.distance}
        return {**fixed, "place": self.place, "room": self.room, "load": dict(self.open)}

    def _far(self, a: str, b: str) -> int:
        return self.distance["".join(sorted((a, b)))]


FAMILIES = {"transport": Transport, "lots": Lots, "reorder": Reorder, "routes": Routes}


def text(setup: dict[str, Any]) -> str:
    """An instance as the model sees it."""
    return FAMILIES[setup["family"]](setup).state


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
            return f"No: {reason}. " + ("Given up." if self.over else self.plan.state), self.over
        self.over = not self.plan.missing
        return f"Complete, cost {self.plan.cost}." if self.over else self.plan.state, self.over

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
