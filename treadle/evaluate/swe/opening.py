"""The folder of `treadle swe run`: when a command goes on in it, and when it refuses to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treadle.errors import OutputError
from treadle.evaluate.store import read_json, write_json
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.settings import SweSettings, identity
from treadle.files.output import check_out, make_empty
from treadle.files.same import other_keys, refuse_others
from treadle.files.secrets import refuse_secrets

INFO = "run.json"
_KNOWN_BEFORE = ("instances", "mini-swe-agent")  # with the settings: what identifies a run without its back end


def refuse_other_run(out: Path, settings: SweSettings, instances: Sequence[SweInstance], overwrite: bool) -> None:
    """Raise `OutputError`, before a model is loaded for it, where the folder holds something else or a run with other
    settings or tasks; `open_folder` compares the rest."""
    if overwrite or not (out / INFO).is_file():
        check_out(out, overwrite, INFO)
        return
    mine = identity("", None, {}, settings, instances)
    _refuse_other(
        out, {key: value for key, value in mine.items() if key in _KNOWN_BEFORE or key.startswith("settings.")}, False
    )


def open_folder(out: Path, info: dict[str, Any], overwrite: bool) -> None:
    """Make the folder of a run with its run.json, or go on in it. For the holder of its lock.

    Raises:
        OutputError: It holds something else or another run, or a setting is a secret.
    """
    refuse_secrets(info, INFO, OutputError)
    if overwrite and out.exists():
        check_out(out, overwrite, INFO)
        make_empty(out, INFO)
    if (out / INFO).is_file():
        _refuse_other(out, info["identity"], True)
    else:
        check_out(out, False, INFO)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / INFO, info)


def _refuse_other(out: Path, now: Mapping[str, Any], whole: bool) -> None:
    """Compare an identity, or a part of it, with that of the folder."""
    old = read_json(out / INFO, "").get("identity")
    old = old if isinstance(old, dict) else {}
    keys = other_keys(old, now) if whole else [key for key in now if old.get(key) != now.get(key)]
    refuse_others(out, keys, old, now)
