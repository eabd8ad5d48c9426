"""The trainer's part of prefixes: how much of the expert's solution a prompt is given, and what became of it.

A row comes as the bare problem, with the texts of the expert's steps beside it. It is sampled with the first of them
as the last message, an assistant's, which the model goes on writing (TRL's convention), or as a hint in the user's
message. How many is the policy's decision, and the history that it decides from is all the state there is. Processes
that are told the same groups in the same order agree.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import torch

from treadle.errors import RecipeError
from treadle.training.groups import Group, total_rewards
from treadle.training.prefixes.policy import Attempt, Expert, History, PrefixPolicy

Row = dict[str, Any]

TEXTS, FRAME, LENGTH, BARE = "prefix_texts", "prefix_frame", "prefix_length", "bare_prompt"
"""Columns: texts of the expert's steps, null where a row gets none of them; of a user's message with a hint what stands
before and after it; how many steps were given; and the prompt without them."""

RIGHT = 0.5
"""A rollout with a higher reward is right."""


@dataclass
class _Record:
    """What is kept of a trajectory.

    Args:
        attempts: Its groups.
        visits: Those that the policy did not ask for by `again`.
        asked: Those that it has asked for and that did not come yet.
    """

    attempts: list[Attempt] = field(default_factory=list)
    visits: int = 0
    asked: int = 0


class Prefixes:
    """Gives prompts their prefixes; its state is the history of every trajectory.

    Args:
        policy: Says how many steps are given.
        seed: Of the policy's random numbers.
        weights: Weight of each reward function.
        progress: The share of the stage's optimizer steps that are done.
    """

    def __init__(
        self, policy: PrefixPolicy, seed: int, weights: Sequence[float], progress: Callable[[], float]
    ) -> None:
        self._policy = policy
        self._seed = seed
        self._weights_F = torch.tensor(list(weights))
        self._progress = progress
        self._records: dict[str, _Record] = {}
        self._held: list[tuple[Attempt, int, bool]] = []  # of this generation: with the trajectory's steps, and `again`

    def given(self, row: Row) -> Row:
        """A row of the data set as it is sampled: with the prefix in its prompt, and its length beside.

        Raises:
            RecipeError: The policy failed, or answered with something else than a possible number of steps.
        """
        length = self._length(row) if row[TEXTS] else None
        return {**row, "prompt": _prompt(row, length or 0), LENGTH: length, BARE: row["prompt"]}

    def visited(self, group: Group) -> bool:
        """Note what became of a row that was `given`; returns whether it is sampled again at once.

        Raises:
            RecipeError: The policy failed, or answered with something else than a boolean.
        """
        if not group.row[TEXTS]:
            return False
        expert = _expert(group.row)
        record = self._records.setdefault(expert.trajectory_id, _Record())
        rewards = total_rewards(torch.tensor(group.rewards), self._weights_F)
        attempt = Attempt(
            group.row[LENGTH], int((rewards > RIGHT).sum()), int((~rewards.isnan()).sum()), group.generation
        )
        record.attempts.append(attempt)
        if record.asked:
            record.asked -= 1
        else:
            record.visits += 1
        again = self._again(expert)
        record.asked += again
        self._held.append((attempt, len(expert.steps), again))
        return again

    def _length(self, row: Row) -> int:
        expert = _expert(row)
        length = self._ask("length", expert)
        if isinstance(length, bool) or not isinstance(length, Integral) or not 0 <= length <= expert.longest:
            raise RecipeError(
                f"prefix.policy {self._name}: length() gave {length!r} for trajectory {expert.trajectory_id!r} of "
                f"{len(expert.steps)} steps; expected a whole number from 0 to {expert.longest} (trajectory.longest)"
            )
        return int(length)

    def _again(self, expert: Expert) -> bool:
        again = self._ask("again", expert)
        if not isinstance(again, bool | np.bool_):
            raise RecipeError(
                f"prefix.policy {self._name}: again() gave {again!r} for trajectory {expert.trajectory_id!r}; expected "
                "True or False"
            )
        return bool(again)

    def _ask(self, method: str, expert: Expert) -> Any:
        record = self._records.get(expert.trajectory_id, _Record())
        # Both questions come after the same number of attempts; of one draw the answers would hang together.
        of = f"{self._seed}/{expert.trajectory_id}/{len(record.attempts)}"
        draw = random.Random(of if method == "length" else f"{of}/{method}")
        history = History(tuple(record.attempts), self._progress(), draw, record.visits)
        try:
            return getattr(self._policy, method)(expert, history)
        except Exception as error:
            raise RecipeError(
                f"prefix.policy {self._name}: {method}() failed for trajectory {expert.trajectory_id!r} after "
                f"{len(record.attempts)} attempts ({type(error).__name__}: {error})"
            ) from error

    @property
    def _name(self) -> str:
        return type(self._policy).__name__

    def measures(self) -> dict[str, float]:
        """Metrics of the groups since the last call; none without groups."""
        held, self._held = self._held, []
        if not held:
            return {}
        found = {
            "prefix/length": sum(attempt.length for attempt, _, _ in held) / len(held),
            "prefix/share": sum(attempt.length / steps for attempt, steps, _ in held) / len(held),
            "prefix/again": float(sum(again for *_, again in held)),
        }
        rates: dict[str, list[float]] = {}
        for attempt, steps, _ in held:
            if attempt.scored:
                rates.setdefault(_part(attempt.length / steps), []).append(attempt.rate)
        return found | {f"prefix/success/{part}": sum(of) / len(of) for part, of in sorted(rates.items())}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, in plain Python: of each trajectory its attempts, visits and what was asked for."""
        return {
            name: [[list(astuple(attempt)) for attempt in record.attempts], record.visits, record.asked]
            for name, record in self._records.items()
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._records = {
            name: _Record([Attempt(*attempt) for attempt in attempts], visits, asked)
            for name, (attempts, visits, asked) in state.items()
        }


def check_prefixes(policy: PrefixPolicy | None, args: Any, rows: Any, renders: bool) -> None:
    """Raise `RecipeError` for settings or data that do not go with a policy, or with none.

    Args:
        args: The trainer's configuration.
        rows: The data set.
        renders: Whether prompts are rendered by a `Chat`.
    """
    if policy is None:
        if args.prefix_loss:
            raise RecipeError(f"prefix_loss={args.prefix_loss} without a prefix_policy; set one, or leave it out")
        return
    if not args.dynamic_sampling:
        raise RecipeError(
            "prefixes are given while groups are sampled one by one; set dynamic_sampling=True, or leave prefixes out"
        )
    if not renders:
        raise RecipeError(
            "prefixes are continued where the chat template begins the assistant's turn; with a tokenizer without chat "
            "template, or a processor of images, leave them out"
        )
    if args.prefix_loss and policy.place == "prompt":
        raise RecipeError(
            f"prefix_loss={args.prefix_loss}: {type(policy).__name__} gives steps as a hint in the prompt, which the "
            "model is not to write; leave it out, or take a policy that begins the completion"
        )
    if args.prefix_loss and args.use_liger_kernel:
        raise RecipeError("prefix_loss needs log-probs of prompts, which use_liger_kernel leaves out; leave out one")
    wanted = ["trajectory_id", TEXTS, *([FRAME] if policy.place == "prompt" else [])]
    missing = [name for name in wanted if name not in rows[0]]
    if missing:
        raise RecipeError(
            f"{type(policy).__name__} reads the columns {', '.join(wanted)}, and the data set has no {missing[0]!r}; "
            "a recipe's stage with `prefix` makes them"
        )


def bare(row: Row) -> Row:
    """The row of the data set of which `Prefixes.given` made `row`."""
    kept = {name: value for name, value in row.items() if name not in (LENGTH, BARE)}
    return {**kept, "prompt": row[BARE]}


def with_longest(row: Row) -> list[dict[str, str]]:
    """The prompt of a row of the data set with the longest prefix that a policy can give it."""
    return _prompt(row, len(row[TEXTS]) - 1) if row.get(TEXTS) else row["prompt"]


def given_text(row: Row) -> str:
    """What of the expert's the model goes on writing in the row; empty for nothing, and for a hint in the prompt."""
    return row["prompt"][-1]["content"] if row[LENGTH] and row.get(FRAME) is None else ""


def _prompt(row: Row, length: int) -> list[dict[str, str]]:
    if not length:
        return row["prompt"]
    text = "\n".join(row[TEXTS][:length])
    if row.get(FRAME) is None:
        return [*row["prompt"], {"role": "assistant", "content": f"{text}\n"}]
    before, after = row[FRAME]
    return [*row["prompt"][:-1], {"role": "user", "content": before + text + after}]


def _expert(row: Row) -> Expert:
    return Expert(row["trajectory_id"], tuple(row[TEXTS]))


def _part(share: float) -> str:
    if not share:
        return "none"
    return "first_half" if share <= 0.5 else "second_half"
