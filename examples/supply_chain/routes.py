"""Routes: one vehicle serves few stops from home and comes back to load. OR-tools' CP-SAT proves the optimum.

The expert drives the solver's trips, those with the nearest stop first; the hasty planner serves the stops as they
stand, and goes home when the next does not fit.
"""

from __future__ import annotations

import random
from typing import Any

Setup = dict[str, Any]
Lines = list[tuple[str, str]]
HOME = "H"


def draw(rng: random.Random, large: bool = False) -> Setup:
    """An instance of 3 stops on a grid, home in its middle; a large one has 5."""
    stops = "ABCDE"[: 5 if large else 3]
    free = [(x, y) for x in range(7) for y in range(7) if (x, y) != (3, 3)]
    places = dict(zip((HOME, *stops), [(3, 3), *rng.sample(free, len(stops))], strict=True))
    names = sorted(places)
    distance = {
        a + b: abs(places[a][0] - places[b][0]) + abs(places[a][1] - places[b][1])
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    }
    load = {stop: rng.randint(1, 4) for stop in stops}
    return {"family": "routes", "load": load, "most": 7, "distance": distance}


def solve(setup: Setup) -> tuple[int, list[list[str]]]:
    """The least distance and its trips, without home. Raises `RuntimeError` where the optimum is not proved."""
    from ortools.sat.python import cp_model

    stops = list(setup["load"])
    names, loads = [HOME, *stops], [0, *setup["load"].values()]
    model = cp_model.CpModel()
    filled = [model.new_int_var(load, setup["most"], "") for load in loads]  # of the vehicle after a stop
    drives = {}
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if i != j:
                drives[i, j] = model.new_bool_var(a + b)
                if i and j:
                    model.add(filled[j] >= filled[i] + loads[j]).only_enforce_if(drives[i, j])
    model.add_multiple_circuit([(i, j, drive) for (i, j), drive in drives.items()])
    model.minimize(sum(_far(setup, names[i], names[j]) * drive for (i, j), drive in drives.items()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers, solver.parameters.random_seed = 1, 0
    if solver.solve(model) != cp_model.OPTIMAL:
        raise RuntimeError(f"routes: the solver says {solver.status_name()}, expected OPTIMAL")
    after = {i: j for (i, j), drive in drives.items() if solver.value(drive) and i}
    trips = []
    for (i, j), drive in drives.items():
        if i == 0 and solver.value(drive):
            trip = [j]
            while after[trip[-1]]:
                trip.append(after[trip[-1]])
            trips.append([names[stop] for stop in trip])
    return round(solver.objective_value), trips


def expert(setup: Setup) -> Lines:
    """The solver's trips: the one with the nearest stop first, each from its nearer end. It begins at home."""
    trips = [min(trip, trip[::-1], key=lambda t: (_far(setup, HOME, t[0]), t)) for trip in solve(setup)[1]]
    trips.sort(key=lambda trip: (_far(setup, HOME, trip[0]), trip))
    lines: Lines = []
    for trip in trips:
        load = sum(setup["load"][stop] for stop in trip)
        for i, stop in enumerate(trip):
            lines.append((f"trip {' '.join(trip[i:])} load {load}", f"go {stop}"))
            load -= setup["load"][stop]
        lines.append(("trip done", f"go {HOME}"))
    return lines


def hasty(setup: Setup) -> Lines:
    """The stops as they stand, and home when the next does not fit."""
    room, at_home, lines = setup.get("room", setup["most"]), setup.get("place", HOME) == HOME, []
    for stop, load in setup["load"].items():
        if load > room:
            lines.append((f"next {stop} {load} over {room}", f"go {HOME}"))
            room = setup["most"]
        lines.append((f"next {stop} {load}", f"go {stop}"))
        room, at_home = room - load, False
    return lines if at_home else [*lines, ("none left", f"go {HOME}")]


def _far(setup: Setup, a: str, b: str) -> int:
    return setup["distance"]["".join(sorted((a, b)))]
