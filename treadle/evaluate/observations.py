"""What the environments of domains answer to the steps of attempts, in memory and in the run's journal.

An answer is asked for once: an attempt that is continued sees what it saw before, whatever the environment would say
now. Attempts that wait for an answer are asked about together, since each environment has several processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from treadle.domains.domain import Domain
from treadle.domains.hosting import host_of
from treadle.domains.observed import Observed
from treadle.domains.registry import find
from treadle.evaluate.records import Key, Placed, Problem, Sample
from treadle.evaluate.store import Journal
from treadle.files.typed import checked

THREADS = 8
"""That wait for answers; the host of an environment has at most four processes."""


class Observations:
    """The domains of problems, and what their environments have answered so far.

    Args:
        problems: All that attempts are made at.
        path: The journal; it is there only where a problem's domain has an environment. Without one answers are kept
            in memory alone.
    """

    def __init__(self, problems: Sequence[Problem], path: Path | None = None) -> None:
        self._problems = {(p.benchmark, p.id): p for p in problems}
        self._domains = {name: find(name) for name in {p.domain for p in problems}}
        self._seen: dict[tuple[Key, int], Observed] = {}
        self._journal = Journal(path) if path is not None and self.any else None
        for number, record in enumerate(self._journal or (), 1):
            key, step, observed = _from_record(record, f"{self._journal.path}, line {number}")
            self._seen[key, step] = observed

    @property
    def any(self) -> bool:
        """Whether any of the problems is of a domain with an environment."""
        return any(domain.environment for domain in self._domains.values())

    def domain(self, sample: Sample) -> Domain:
        """The domain of an attempt's problem."""
        return self._domains[self._problems[sample.key.benchmark, sample.key.problem].domain]

    def get(self, key: Key, step: int) -> Observed | None:
        """What was answered to a step, from 1; `None` where it was not asked about."""
        return self._seen.get((key, step))

    def awaited(self, sample: Sample) -> bool:
        """Whether an attempt has a step to which its environment has to answer before it goes on."""
        if sample.stop is not None or sample.key.mode != "loop" or self.domain(sample).environment is None:
            return False
        return len(sample.observations) < len(sample.steps)

    def answer(self, samples: Sequence[Sample]) -> None:
        """Ask the environments about the last steps of attempts, all together; the answers are kept.

        Raises:
            DomainError: An environment cannot be imported, or a problem cannot be set up in it.
        """
        with ThreadPoolExecutor(THREADS) as threads:
            for sample, answers in zip(samples, threads.map(self._asked, samples), strict=True):
                for step, observed in enumerate(answers, len(sample.observations) + 1):
                    self._put(sample.key, step, observed)

    def set_up(self) -> None:
        """Set every problem up once, so that what cannot be played is known before a model is loaded.

        Raises:
            DomainError: An environment cannot be imported, or a problem cannot be set up in it.
        """
        hosts = {name: host_of(domain) for name, domain in self._domains.items() if domain.environment is not None}
        problems = [problem for problem in self._problems.values() if problem.domain in hosts]
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(lambda problem: hosts[problem.domain].replay(problem.task, ()), problems):
                pass

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()

    def _asked(self, sample: Sample) -> list[Observed]:
        """The answers to the steps that have none, up to the one that ends the episode."""
        known = [self.get(sample.key, step) for step in range(1, len(sample.observations) + 1)]
        # A step that failed left the world as it was. It is left out, so that it does not fail, or hang, once more.
        actions = [action for action, seen in zip(sample.steps, known, strict=False) if not (seen and seen.fault)]
        problem = self._problems[sample.key.benchmark, sample.key.problem]
        actions += sample.steps[len(known) :]
        before = len(actions) - (len(sample.steps) - len(known))
        return host_of(self.domain(sample)).replay(problem.task, actions)[before:]

    def _put(self, key: Key, step: int, observed: Observed) -> None:
        if self._journal is not None:
            self._journal.append({**key._asdict(), "step": step, **asdict(observed)})
        self._seen[key, step] = observed


@dataclass(frozen=True)
class _Line(Placed):
    """A line of the journal."""

    observation: str
    done: bool
    fault: str


def _from_record(record: dict[str, Any], where: str) -> tuple[Key, int, Observed]:
    line = checked(_Line, record, where, "delete this line, and `treadle evaluate` asks the environment again")
    return line.key, line.step, Observed(line.observation, line.done, line.fault)
