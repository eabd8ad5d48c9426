"""Which prompts are sampled: those that the data loader proposes, further ones from a stream, none that rest.

The first part of a training step. The order of the data loader's prompts is `treadle.training.prompt_order`'s, and
which of them rest is decided by `treadle.training.prompt_rest`. What of the expert's solution they are given is decided
by `treadle.training.prefixes`, on request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from torch.utils.data import Sampler

from treadle.training.groups import Group
from treadle.training.prefixes.part import Prefixes, bare
from treadle.training.prompt_order import PromptStream, TrajectorySampler, trajectories_of
from treadle.training.prompt_rest import PromptRest, Rest, key_of
from treadle.training.sampling import Drop

Row = dict[str, Any]


class Prompts:
    """The prompts of a data set, for a data loader and for refilling; its state is the place in the stream.

    Args:
        rows: The data set: rows by number. Without a length it serves no `further` prompts.
        seed: Of the data loader's order; the stream of further prompts has the next one.
        by_trajectory: Whether the steps of one trajectory stay next to one another.
        rest_after: Visits in a row without a signal after which a prompt rests; `None` for never.
        prefixes: Gives prompts the beginning of the expert's solution; `None` for none.

    All processes draw alike.
    """

    def __init__(
        self,
        rows: Any,
        seed: int,
        by_trajectory: bool,
        rest_after: int | None = None,
        prefixes: Prefixes | None = None,
    ) -> None:
        self._rows = rows
        self._seed = seed
        self._trajectory_N = trajectories_of(rows) if by_trajectory else None
        self._stream = PromptStream(len(rows), seed + 1, self._trajectory_N) if hasattr(rows, "__len__") else None
        self._rest = PromptRest(rest_after) if rest_after else None
        self._passed_down: deque[Row] = deque()
        self._prefixes = prefixes
        self._again: deque[Row] = deque()  # to be sampled again at once

    def sampler(self, rows: Any, **repeats: int) -> Sampler:
        """The order of the data loader's prompts, for these rows or for others.

        Args:
            repeats: Arguments of TRL's `RepeatSampler`.
        """
        return TrajectorySampler(rows, self._trajectory_N if rows is self._rows else None, seed=self._seed, **repeats)

    def take(self, proposed: Sequence[Row], count: int) -> list[Row]:
        """The first `count` of the proposed prompts, with further ones in place of those that rest.

        Those that are to be sampled again come before. Proposed prompts beyond `count` are passed down: they are the
        next of the `further` ones.
        """
        rows = self._sampled_again(count)
        first = count - len(rows)
        rows += [row for row in proposed[:first] if self._takes(row)]
        self._passed_down.extend(proposed[first:])
        return self._given(rows) + self.further(count - len(rows))

    def further(self, count: int) -> list[Row]:
        """The next prompts that do not rest: those that are to be sampled again, then those that were passed down, then
        from the stream."""
        rows = self._sampled_again(count)
        while len(rows) < count:
            row = self._passed_down.popleft() if self._passed_down else self._rows[next(self._stream.draw(1))]
            if self._takes(row):
                rows.append(row)
        return self._given(rows)

    def _sampled_again(self, count: int) -> list[Row]:
        return [self._again.popleft() for _ in range(min(count, len(self._again)))]

    def _given(self, rows: list[Row]) -> list[Row]:
        return [self._prefixes.given(row) for row in rows] if self._prefixes else rows

    def _takes(self, row: Row) -> bool:
        return self._rest is None or self._rest.takes(key_of(row))

    def visited(self, groups: Sequence[Group], reasons: Sequence[Drop | None]) -> None:
        """Note what became of the groups of prompts that were sampled.

        Several attempts at a prompt, one at once after the other, are one visit to it: its last attempt counts. One
        with a signal before that begins the count anew.
        """
        for group, reason in zip(groups, reasons, strict=True):
            row, again = group.row, False
            if self._prefixes:
                row, again = bare(row), self._prefixes.visited(group)
            if again:
                self._again.append(row)
            if self._rest and not (again and reason):
                self._rest.record(key_of(row), reason)

    def resting(self) -> dict[str, int]:
        """How many prompts rest now and how many were passed over so far, by reason; empty where none may rest."""
        if self._rest is None:
            return {}
        resting = {f"resting/{kind}": count for kind, count in self._rest.resting.items()}
        return resting | {f"passed_over/{kind}": self._rest.passed_over[kind] for kind in Rest}

    def measures(self) -> dict[str, float]:
        """Metrics of the prefixes of this generation, and how many prompts wait in whose place others came again; empty
        where no prefixes are given."""
        if self._prefixes is None:
            return {}
        return self._prefixes.measures() | {"prefix/passed_down": float(len(self._passed_down))}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, in plain Python."""
        state = {
            "drawn": self._stream.drawn if self._stream else 0,
            "passed_down": list(self._passed_down),
            "rest": self._rest.state() if self._rest else None,
        }
        if self._prefixes:
            state |= {"again": list(self._again), "prefixes": self._prefixes.state()}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        if self._stream:
            self._stream.drawn = state["drawn"]
        self._passed_down = deque(state["passed_down"])
        if self._rest and state["rest"]:
            self._rest.load_state(state["rest"])
        if self._prefixes and "prefixes" in state:
            self._again = deque(state["again"])
            self._prefixes.load_state(state["prefixes"])
