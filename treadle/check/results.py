"""What a check found: its id, how bad it is, and one line."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """How bad it is: an error stops before training, a warning is printed, `ok` is only in the table."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Check(NamedTuple):
    """Result of one check.

    Args:
        id: Names the check, and after a dot the stage where each has its own; it does not change between versions.
        status: How bad it is.
        message: One line: what was found, and what mends it.
    """

    id: str
    status: Status
    message: str


def ok(id: str, message: str) -> Check:
    return Check(id, Status.OK, message)


def warning(id: str, message: str | Exception) -> Check:
    return Check(id, Status.WARNING, str(message))


def error(id: str, message: str | Exception) -> Check:
    return Check(id, Status.ERROR, str(message))


def errors(checks: Iterable[Check]) -> list[Check]:
    """Those that stop a run."""
    return [check for check in checks if check.status is Status.ERROR]
