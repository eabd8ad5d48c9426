"""Names of models, as recipes and commands give them. Needs nothing that takes long to import."""

from __future__ import annotations

from pathlib import Path

BASE = "miniature"
"""Name under which recipes refer to the small model that is shipped with the package."""


def resolve(model: str) -> str:
    """A recipe's model name as a path or hub id: `miniature` stands for the shipped base."""
    return str(Path(__file__).parent.parent / "miniature" / "base") if model == BASE else model
