"""Whether a folder holds the run that a command would make: what of its settings differs, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treadle.errors import OutputError


def other_keys(old: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The keys of two identities under which they differ."""
    return [key for key in dict.fromkeys([*old, *now]) if old.get(key) != now.get(key)]


def refuse_others(
    out: Path,
    keys: Sequence[str],
    old: Mapping[str, Any],
    now: Mapping[str, Any],
    what: str = "a run",
    remedy: str = "choose another folder with -o, or replace the run with --overwrite",
) -> None:
    """Raise `OutputError` with the values under the keys that differ; nothing where there are none.

    Args:
        what, remedy: What the folder holds, and what mends it.
    """
    if keys:
        differences = "\n".join(f"  {key}: {old.get(key)!r} there, {now.get(key)!r} now" for key in keys)
        raise OutputError(f"{out}: holds {what} with other settings\n{differences}\n{remedy}")
