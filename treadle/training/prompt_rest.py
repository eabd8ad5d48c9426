"""Which prompts rest: those that taught nothing several times in a row come up less often, on request.

A visit is one generation of a prompt's group. After `silent_visits` visits in a row without a signal the prompt rests:
of the times that it comes up, only every `every`-th is taken. One informative visit ends the rest. So no prompt is ever
given up, and a policy that has learned enough, or has forgotten, finds it again.

Not in the paper, which samples all prompts alike. There are no random numbers, only counters: processes that are told
the same visits in the same order agree, and a resumed run goes on as if it had not stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Any

from treadle.errors import RecipeError
from treadle.training.sampling import Drop

_TASK = ("prompt", "expert_action", "answer")


class Rest(StrEnum):
    """Why a prompt rests: it was all right in each of its last visits, or else without a signal."""

    SOLVED = "solved"
    SILENT = "silent"


@dataclass
class _Record:
    """What is kept of a prompt whose last visit was not informative; of any other nothing is kept.

    Args:
        visits: Visits in a row without a signal.
        solved: Whether all of these were all right.
        passed: Times in a row that it came up and was passed over.
    """

    visits: int = 0
    solved: bool = True
    passed: int = 0

    @property
    def kind(self) -> Rest:
        return Rest.SOLVED if self.solved else Rest.SILENT


class PromptRest:
    """Decides each time a prompt comes up whether it is taken.

    Args:
        silent_visits: Visits in a row without a signal after which a prompt rests, at least 1.
        every: While it rests, every how many-th time it is taken, at least 1; 1 takes it always.

    Attributes:
        passed_over: How often prompts were passed over so far, by the reason of their rest.

    Raises:
        RecipeError: A number below 1.
    """

    def __init__(self, silent_visits: int, every: int = 4) -> None:
        for name, value in (("silent_visits", silent_visits), ("every", every)):
            if value < 1:
                raise RecipeError(f"{name}={value}: expected at least 1")
        self.silent_visits = silent_visits
        self.every = every
        self.passed_over: Counter[Rest] = Counter()
        self._records: dict[str, _Record] = {}

    def takes(self, key: str) -> bool:
        """Whether the prompt `key` (from `key_of`) is taken; to be asked once a time that it comes up."""
        record = self._records.get(key)
        if record is None or record.visits < self.silent_visits:
            return True
        if record.passed + 1 >= self.every:
            record.passed = 0
            return True
        record.passed += 1
        self.passed_over[record.kind] += 1
        return False

    def record(self, key: str, reason: Drop | None) -> None:
        """Note the outcome of a visit: why the group was dropped, or `None` for an informative one."""
        if reason is None:
            self._records.pop(key, None)
            return
        record = self._records.setdefault(key, _Record())
        record.visits += 1
        record.solved = record.solved and reason is Drop.ALL_RIGHT

    @property
    def resting(self) -> dict[Rest, int]:
        """How many prompts rest now, by reason."""
        kinds = Counter(r.kind for r in self._records.values() if r.visits >= self.silent_visits)
        return {kind: kinds[kind] for kind in Rest}

    def state(self) -> dict[str, Any]:
        """Plain Python that JSON can hold, a few bytes a prompt whose last visit was silent and none for the others."""
        return {
            "records": {key: list(astuple(record)) for key, record in self._records.items()},
            "passed_over": {kind.value: self.passed_over[kind] for kind in Rest},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, also with other settings."""
        self._records = {key: _Record(*values) for key, values in state["records"].items()}
        self.passed_over = Counter({Rest(kind): count for kind, count in state["passed_over"].items()})


def key_of(row: dict[str, Any]) -> str:
    """A short stable key of the task of a data set's row: 16 hexadecimal digits.

    Two rows are the same task where the prompt (text, or a list of messages) and what the reward compares with
    (`expert_action`, `answer`) are the same. A prompt with another expert's action is another task, because it is
    rewarded differently; names such as `trajectory_id` do not matter, so copies of a row are one task. Images beside
    the text are not looked at.
    """
    task = [row.get(name) for name in _TASK]
    return hashlib.sha256(json.dumps(task, sort_keys=True, default=str).encode()).hexdigest()[:16]
