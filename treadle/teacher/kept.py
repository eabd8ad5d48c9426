"""What a run of teaching keeps, in a folder that `treadle prepare` and `read_trajectories` take as it is.

teach.json          the command, model and settings; by it the folder is known
trajectories.jsonl  what is kept: problem, numbered solution, answer, thought, and where it came from; alone is read
rejected.jsonl      every draft that is not kept, with its reason
report.json, .md    counts of every sample, tokens, cost
store/              all requests and answers

Each file appears whole or not at all; report.json comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from treadle.errors import OutputError
from treadle.evaluate.store import write_json, write_lines
from treadle.files.digests import listed
from treadle.files.inputs import TAUGHT, TAUGHT_ROWS, TAUGHT_STORE
from treadle.files.secrets import refuse_secrets
from treadle.files.whole import write_whole
from treadle.teacher.checks import Fault
from treadle.teacher.drafts import Draft

INFO, TRAJECTORIES, STORE = TAUGHT, TAUGHT_ROWS, TAUGHT_STORE
REJECTED, REPORT, REPORT_TEXT = "rejected.jsonl", "report.json", "report.md"


def kept_row(draft: Draft, verified: bool | None = None) -> dict[str, Any]:
    """A row of trajectories.jsonl, in the columns of the form `numbered`.

    Args:
        verified: What a check of the answer found; `None` where nothing was compared.
    """
    row = {
        "id": draft.id,
        "problem": draft.problem,
        "solution": draft.text,
        "answer": draft.answer,
        "thought": draft.thought or None,
        "verified": verified,
        "origin": {**draft.origin.record(), "problem_id": draft.problem_id},
    }
    return {name: value for name, value in row.items() if value is not None}


def rejected_row(draft: Draft, fault: Fault, asked_again: bool = False) -> dict[str, Any]:
    """A row of rejected.jsonl.

    Args:
        asked_again: Whether the teacher was told, and another try of the sample follows.
    """
    return {
        "id": draft.id,
        "reason": str(fault.reason),
        "asked_again": asked_again,
        "detail": fault.detail,
        "answer": draft.answer,
        "text": draft.text,
        "thought": draft.thought,
        "n_tokens": draft.n_tokens,
        "origin": {**draft.origin.record(), "problem_id": draft.problem_id},
    }


def write_info(out: Path, info: Mapping[str, Any]) -> None:
    """Write teach.json, by which the folder is known from then on.

    Raises:
        OutputError: It cannot be written, or holds a secret.
    """
    refuse_secrets(dict(info), INFO, OutputError)
    write_json(out / INFO, dict(info))


def write_rows(out: Path, kept: Iterable[Mapping[str, Any]], rejected: Iterable[Mapping[str, Any]]) -> None:
    """Write trajectories.jsonl and rejected.jsonl, each row as it comes.

    Raises:
        OutputError: One cannot be written; what stood there before stays.
    """
    write_lines(out / REJECTED, map(dict, rejected))
    write_lines(out / TRAJECTORIES, map(dict, kept))


def write_report(out: Path, report: Mapping[str, Any], text: str) -> None:
    """Write report.md and, last of all, report.json with sizes and SHA-256 of the rows.

    Raises:
        OutputError: One cannot be written, or the report holds a secret.
    """
    refuse_secrets(dict(report), REPORT, OutputError)
    write_whole(out / REPORT_TEXT, text)
    write_json(out / REPORT, {**report, "files": listed(out, [out / TRAJECTORIES, out / REJECTED])})
