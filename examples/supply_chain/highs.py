"""HiGHS through SciPy, for programmes whose variables are whole numbers from 0 on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def least(costs: Any, constraints: Sequence[Any], upper: Any = None) -> tuple[float, Any]:
    """The least cost, and the whole numbers that have it.

    Args:
        costs: Of one of each variable.
        constraints: `scipy.optimize.LinearConstraint`s.
        upper: The most of each variable.

    Raises:
        RuntimeError: The solver proved no optimum.
    """
    import numpy as np
    from scipy.optimize import Bounds, milp

    bounds = Bounds(0, np.inf if upper is None else upper)
    with _silence():
        found = milp(costs, integrality=np.ones(len(costs)), bounds=bounds, constraints=constraints)
    if not found.success:
        raise RuntimeError(f"HiGHS says {found.message!r}, expected an optimum")
    return found.fun, found.x.round().astype(int)


@contextmanager
def _silence() -> Iterator[None]:
    """HiGHS 1.8 prints a line of its own now and then, whatever it is told; it goes nowhere."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
