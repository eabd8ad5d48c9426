"""Whether two actions of a domain are the same: as texts, as calls, or by a function of the domain's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from treadle.domains.domain import Domain
from treadle.domains.places import imported_from
from treadle.errors import DomainError
from treadle.plugins import described
from treadle.scoring.step_actions import called, same


def same_action(domain: Domain, action: str, other: str) -> bool:
    """Whether two actions do the same.

    Texts are the same where they are equal but for white space around them, and calls where they are or
    `treadle.scoring.step_actions.same` says so. Actions that are equal as texts are the same in every domain, and a
    function of the domain's own is not asked for them.

    Raises:
        DomainError: The domain's function cannot be imported, fails, or gives something else than true or false.
    """
    if action.strip() == other.strip():
        return True
    if domain.compares:
        return _asked(domain, action, other)
    if domain.same == "text":
        return False
    wanted = called(other, domain.of_calls)
    return wanted is not None and same(called(action, domain.of_calls), wanted)


def _asked(domain: Domain, action: str, other: str) -> bool:
    where = f"{domain.folder}: same: {domain.same}"
    try:
        found = _function(domain.same, domain.folder)(action, other)
    except DomainError:
        raise
    except (Exception, SystemExit) as error:
        raise DomainError(f"{where} failed on {action[:60]!r} and {other[:60]!r} ({described(error)})") from None
    if not isinstance(found, bool):
        raise DomainError(f"{where}: found {found!r:.60} for two actions, expected True or False")
    return found


@cache
def _function(place: str, folder: Path) -> Callable[[str, str], Any]:
    return imported_from(place, folder, "same")
