"""Experts, histories, and a model that is simulated by what it gets right from each length."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from treadle.training.prefixes.policy import Attempt, Expert, History

ROLLOUTS = 8


def expert(longest):
    return Expert("t", tuple(f"step {i}" for i in range(longest + 1)))


def history(*attempts, progress=0.0, seed=0):
    """A history of `(length, right)` or `(length, right, scored)`; no policy of treadle looks at visits."""
    made = tuple(Attempt(*(attempt if len(attempt) == 3 else (*attempt, ROLLOUTS)), 0) for attempt in attempts)
    return History(made, progress, random.Random(f"{seed} {len(made)}"), len(made))


def visits(policy, longest, right_from, count):
    """The lengths of `count` visits, one list each, of a model with `right_from(length)` right rollouts."""
    attempts, found = [], []
    for _ in range(count):
        found.append([])
        again = True
        while again:
            length = policy.length(expert(longest), history(*attempts))
            found[-1].append(length)
            attempts.append((length, right_from(length)))
            again = policy.again(expert(longest), history(*attempts))
    return found


@st.composite
def cases(draw):
    """An expert with any history, also one that no run makes."""
    longest = draw(st.integers(0, 9))
    groups = st.integers(0, ROLLOUTS).flatmap(
        lambda scored: st.tuples(st.integers(0, longest), st.integers(0, scored), st.just(scored))
    )
    attempts = draw(st.lists(groups, max_size=12))
    return longest, attempts, draw(st.floats(0, 1)), draw(st.integers(0, 1000))
