"""A process that serves a domain's code, as its host sees it."""

from __future__ import annotations

import json
import sys

from treadle.domains.domain import Domain, Hosted
from treadle.errors import DomainError
from treadle.processes import LineProcess


class DomainProcess(LineProcess):
    """Started, with the domain's code imported.

    Raises:
        DomainError: The code cannot be imported, or is none.
    """

    def __init__(self, domain: Domain) -> None:
        parts = {"verdict": domain.verdict, "environment": domain.environment, "split": split_of(domain)}
        hosted = {name: part for name, part in parts.items() if isinstance(part, Hosted)}
        given = {
            "folder": str(domain.folder),
            "memory_mb": max(part.limits.memory_mb for part in hosted.values()),
            **{name: {"place": part.place, "seconds": part.limits.seconds} for name, part in hosted.items()},
        }
        command = [sys.executable, "-m", "treadle.domains.worker", json.dumps(given)]
        try:
            super().__init__(command, own_group=True)
        except (TimeoutError, EOFError):
            places = " and ".join(part.place for part in hosted.values())
            raise DomainError(
                f"{domain.folder}: the process that imports {places} hangs or dies before it is ready; import it in "
                f"Python to see why, or raise memory_mb, {given['memory_mb']} now"
            ) from None
        if "error" in self.ready:
            self.kill()
            raise at_fault(domain, self.ready["error"])


def split_of(domain: Domain) -> Hosted | None:
    """The domain's own function that cuts solutions; `None` where it has none."""
    return Hosted(domain.split) if ":" in domain.split else None


def at_fault(domain: Domain, said: str) -> DomainError:
    """The error for what a process says of its code."""
    return DomainError(said if said.startswith(str(domain.folder)) else f"{domain.folder}: {said}")
