"""Whether a prepared folder was made from the same input with the same settings, so that it need not be made again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import treadle
from treadle.data.prepare.forms import Report
from treadle.data.prepare.report import PrepareReport, from_json
from treadle.data.prepare.settings import PrepareSettings
from treadle.data.sources.registry import forms
from treadle.domains.digest import digest
from treadle.domains.registry import find
from treadle.errors import OutputError
from treadle.files.digests import problem_in
from treadle.files.inputs import input_files
from treadle.files.same import other_keys, refuse_others
from treadle.files.typed import checked
from treadle.files.whole import cannot_write
from treadle.scoring.grading import grader_version

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LAYOUT = 4
"""Counts up when the same input would be written differently."""


def fingerprint(source: str | Path, settings: PrepareSettings, tokenizer: PreTrainedTokenizerBase | None) -> str | None:
    """A hash of all that decides the result: the input's files by path, size and time of change, the files that
    `--against` names, the settings, the templates of `--domain`, the tokenizer, the forms that are installed and
    treadle's version.

    `None` for standard input and hub data sets, which may change without a sign.
    """
    named = [input_files(source, settings.split), *(input_files(name, "test") or [] for name in settings.against)]
    if named[0] is None:
        return None
    stats = [(str(file.resolve()), (s := file.stat()).st_size, s.st_mtime_ns) for files in named for file in files]
    versions = [LAYOUT, treadle.__version__, grader_version(settings.grader)]
    parts: list[Any] = [*versions, list(forms()), stats, asdict(settings)]
    if settings.domain is not None:
        parts.append(digest(find(settings.domain)))
    if tokenizer is not None:
        parts.append(tokenizer_hash(tokenizer))
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """A hash of what a result depends on of a tokenizer."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    parts = [tokenizer.chat_template, backend.to_str() if backend else tokenizer.name_or_path]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def reusable(out: Path, wanted: str | None) -> PrepareReport | None:
    """The report of the folder `out`, if it was made with the fingerprint `wanted`.

    Raises:
        OutputError: It was, and a file is missing, cut or changed since.
    """
    data = marked(out / "report.json")
    if wanted is None or data is None or data.get("fingerprint") != wanted:
        return None
    remedy = "make the folder anew with --overwrite"
    checked(Report, data, str(out / "report.json"), remedy)
    check_whole(out, data.get("files"))
    try:
        return from_json(data)
    except (LookupError, TypeError, ValueError) as error:  # a key or a reason of another version
        raise OutputError(f"{out / 'report.json'}: not of this version ({error}); {remedy}") from None


def refuse_other(out: Path, source: str | Path, settings: PrepareSettings) -> None:
    """Raise `OutputError` for a folder that was prepared otherwise; nothing for one that was not prepared.

    What differs is named with both values: the input and the settings.
    """
    data = marked(out / "report.json")
    if data is None or not isinstance(data.get("settings"), dict):
        return
    old = {"INPUT": data.get("source"), **data["settings"]}
    now = json.loads(json.dumps({"INPUT": str(source), **asdict(settings)}))
    choose = "choose another folder with -o, or replace it with --overwrite"
    refuse_others(out, other_keys(old, now), old, now, "what was prepared", choose)
    raise OutputError(
        f"{out} exists already, prepared from {source} with these settings before one of these changed: the input's "
        "files, those of --against, the templates of --domain, the tokenizer, the installed forms or treadle itself; "
        f"{choose}"
    )


def marked(path: Path) -> dict[str, Any] | None:
    """The content of a report that marks a folder as finished; `None` where there is none.

    Raises:
        OutputError: It is damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    except ValueError as error:
        data = error
    if not isinstance(data, dict):
        said = f" ({data})" if isinstance(data, Exception) else ""
        raise OutputError(
            f"{path}: expected what `treadle prepare` writes last, found no JSON object{said}; make the folder anew "
            "with --overwrite"
        )
    return data


def check_whole(out: Path, files: Any) -> None:
    """Raise `OutputError` if a file of a finished folder is not the one that was written.

    Args:
        files: As `treadle.files.digests.listed` has them.
    """
    problem = problem_in(out, files)
    if problem is not None:
        raise OutputError(f"{out}: not whole any more: {problem}; make the folder anew with --overwrite")
