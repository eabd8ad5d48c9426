"""Errors that a user can mend. The command line prints their message and exits with code 2 (3 for `TrainingFault`).

Each message names the file, row or key, what was found, what was expected and how to fix it. Anything
else that is raised is a defect of treadle and shows its traceback. Reasons that are counted instead of raised are
`Explained`.
"""

from __future__ import annotations

from enum import StrEnum


class TreadleError(Exception):
    """Base class of everything that treadle raises on purpose."""


class DataError(TreadleError):
    """An input file, row or column is not what was asked for."""


class DomainError(DataError):
    """A domain is not there, its folder is not one, or its code does not do what it has to."""


class RecipeError(TreadleError):
    """A recipe has an unknown key, a wrong value or arithmetic that cannot work."""


class ModelError(TreadleError):
    """A model folder lacks weights, tokenizer or chat template, or a model cannot be computed as asked."""


class RewardError(TreadleError):
    """A reward function is none, or returned something else than a number for each completion."""


class OutputError(TreadleError):
    """An output folder holds something that must not be overwritten."""


class TrainingFault(TreadleError):
    """A run stopped itself because training went wrong; the message says what was seen and what to do.

    The last checkpoint stays, and the same command goes on from it.
    """


class LostProcess(TreadleError):
    """A run of several processes ended because another no longer answered, or never came.

    The last checkpoint stays, and the same command on every machine goes on from it.
    """


class Interrupted(TreadleError):
    """A run was stopped by the user after saving a checkpoint; the message says how to resume."""


class Explained(StrEnum):
    """Reasons that are counted and printed: members are written `NAME = "value", "explanation"`."""

    explanation: str

    def __new__(cls, value: str, explanation: str) -> Explained:
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member
