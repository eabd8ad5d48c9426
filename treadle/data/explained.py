"""Reasons that are counted and printed: enums whose members carry a sentence."""

from __future__ import annotations

from enum import StrEnum


class Explained(StrEnum):
    """A string enum whose members are written `NAME = "value", "explanation"`."""

    explanation: str

    def __new__(cls, value: str, explanation: str) -> Explained:
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member
