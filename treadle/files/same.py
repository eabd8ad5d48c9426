"""Whether a folder holds the run that a command would make: what of its settings differs, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treadle.errors import OutputError
from treadle.legible import shortened


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

    The first line has all that a log of one line needs: the folder and what mends it.

    Args:
        what, remedy: What the folder holds, and what mends it.
    """
    if keys:
        raise OutputError(f"{out}: holds {what} with other settings; {remedy}\n{differences(keys, old, now)}")


def differences(keys: Sequence[str], old: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """A line for each of the keys, with both values."""
    return "\n".join(f"  {key}: {_shown(old, key)} there, {_shown(now, key)} now" for key in keys)


def _shown(values: Mapping[str, Any], key: str) -> str:
    return shortened(repr(values.get(key)), 200)
