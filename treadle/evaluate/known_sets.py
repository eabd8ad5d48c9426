"""Published benchmarks, known by count and content, so that no other set runs under their name.

Content is compared as follows, so that column order, ids, row order and the form of the file do not matter. Of a
problem's text: Unicode NFKC, then all white space removed. Of an answer: the same, and a decimal whole number loses
sign `+`, leading zeros and a fraction of zeros (`025`, `25` and `25.0` are one answer). A row's line is the SHA-256
of the text in hexadecimal, a space, the answer (and where a problem has a `setup`, a space and the SHA-256 of that as
JSON with sorted keys); the set's hash is the SHA-256 of its lines, sorted, joined by newlines.

Another edition of a set, for instance with other LaTeX for the same formula, is another set: it is refused and can be
evaluated under a name of its own. A set without a hash here is known by its count alone, since it could not be had when
the hashes were computed; `NAME@HASH` pins one.

`known_rows.json` has of each problem, in the set's order, 8 digits of its text's hash and 4 of its answer's, to tell
which row differs. It and the hashes were computed from these files: Zhuofeng-Li/math-evaluation-harness (MIT) for
AMC23, AIME24, AIME25, Minerva and OlympiadBench; openai/grade-school-math for GSM8K; for MATH-500 the file whose
SHA-256 is that of openai/prm800k; for AIME26 jianzhnie/LLMEval and
thtesche/llm-inference-benchmark, which have the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from treadle.data.curate.problems import NAMED
from treadle.errors import DataError

PART = "-first-"
"""Stands in the name of a part of a known set, between the set's name and the number of problems."""

_WHOLE = re.compile(r"([+-]?)0*(\d+)(?:\.0*)?")
_TEXT_DIGITS, _ANSWER_DIGITS = 8, 4


class Known(NamedTuple):
    """A published set.

    Args:
        title: As the paper names it.
        kind: How its answers are graded.
        sampled: Whether the paper also draws 32 samples of each problem; `None` for sets that it does not use.
        sha256: `content_hash` of its problems; empty where the count alone is known.
    """

    title: str
    kind: str
    sampled: bool | None
    sha256: str


KNOWN = {
    "amc23": Known("AMC23", "integer", True, "9cff4948632f8ea2eb6317249a3a626909eddd2a58d47b3c41929b44b3b6a1eb"),
    "aime24": Known("AIME24", "integer", True, "977c9a4b792f0670c5ee33efa733c7e8ae76190c4aaa068938dab00ff2d57a59"),
    "aime25": Known("AIME25", "integer", True, "bc51a3d6f338e34cb92497848b77483d15a69f1f5790defd60484329e201fa89"),
    "minerva": Known(
        "Minerva Math", "minerva", False, "2cf9a78bdc53a9c379d09426fefb2ec3c767ca51fc53ac1cd26e5823551181f6"
    ),
    "aime26": Known("AIME26", "integer", None, "9a4e4b55ec9a161b8e0ab39e93b4cbd812410e8cb47ddd453ae938140a0add16"),
    "amc12": Known("AMC12", "integer", None, ""),
    "gsm8k": Known("GSM8K", "integer", None, "b3a827d0fac5f19de164be914f511cfea85e8b59ed8f39f6f000c06d70b6fbcd"),
    "math500": Known("MATH-500", "math", None, "64359306c6fdddf7a56b374709163a43d18df507bb2451ee84cea61e5712d0fe"),
    "olympiadbench": Known(
        "OlympiadBench", "math", None, "5c44ea485c8d601188383dcf6ca023b512c54d5a549c4900533e9b8499fa98a2"
    ),
    "gpqa_diamond": Known("GPQA diamond", "choice", None, ""),
}
PAPER = ("amc23", "aime24", "aime25", "minerva")
"""The sets of the paper's table, which `--benchmark all` means."""


def plain_text(text: str) -> str:
    """A problem's text as it is compared."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def plain_answer(answer: str) -> str:
    """An answer as it is compared."""
    text = plain_text(answer)
    if match := _WHOLE.fullmatch(text):
        sign, digits = match.groups()
        return f"-{digits}" if sign == "-" and digits.strip("0") else digits
    return text


def content_hash(problems: Sequence[tuple[str, str]], setups: Sequence[Any] | None = None) -> str:
    """SHA-256 in hexadecimal of `(problem, answer)` pairs, whatever their order; see the module's description.

    Args:
        setups: Of each problem what a domain's code sets it up from (`Task.setup`); `None` counts as nothing.
    """
    lines = sorted(
        f"{_hash(plain_text(problem))} {plain_answer(answer)}{_setup(setup)}"
        for (problem, answer), setup in zip(problems, setups or [None] * len(problems), strict=True)
    )
    return _hash("\n".join(lines))


def _setup(setup: Any) -> str:
    return "" if setup is None else f" {_hash(json.dumps(setup, sort_keys=True))}"


def position(name: str, problem: str) -> int:
    """The place of a problem in a known set that has a hash, from 0."""
    return _places(name)[_hash(plain_text(problem))[:_TEXT_DIGITS]][0]


def check(name: str, source: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Make sure that rows are the known set `name`.

    Args:
        source: Where they were read.
        rows: Of each row its place, problem and answer.

    Raises:
        DataError: They are not; the message says in what they differ.
    """
    found, count = content_hash([(problem, answer) for _, problem, answer in rows]), NAMED[name].count
    if found == KNOWN[name].sha256:
        return
    reasons = [f"{len(rows)} problems with answers, {name} has {count}"] if len(rows) != count else []
    if other := next((known.title for known in KNOWN.values() if known.sha256 == found), None):
        reasons.append(f"it is {other}")
    if KNOWN[name].sha256:
        reasons.append(_difference(name, rows))
    elif not reasons:
        return
    raise DataError(
        f"{source} is not {KNOWN[name].title} as known under the name {name!r}: {'; '.join(reasons)}. To evaluate it "
        f"as it is, give it a name of its own: --data my_{name}=FILE"
    )


def _difference(name: str, rows: Sequence[tuple[str, str, str]]) -> str:
    places, seen = _places(name), set()
    for where, problem, answer in rows:
        digest = _hash(plain_text(problem))[:_TEXT_DIGITS]
        if digest not in places:
            return f"first difference at {where}: the problem {problem[:60]!r} is not in the set"
        if _hash(plain_answer(answer))[:_ANSWER_DIGITS] != places[digest][1]:
            return f"first difference at {where}: the set has another answer than {answer[:40]!r}"
        if digest in seen:
            return f"first difference at {where}: the problem {problem[:60]!r} stands there a second time"
        seen.add(digest)
    missing = sorted(i for digest, (i, _) in places.items() if digest not in seen)
    return f"all its rows are of the set, but the set's problem {missing[0] + 1} is missing"


@cache
def _places(name: str) -> dict[str, tuple[int, str]]:
    """Digits of a problem's hash -> its place and the digits of its answer's hash."""
    rows = json.loads(Path(__file__).with_name("known_rows.json").read_text(encoding="ascii"))[name]
    return {
        row[:_TEXT_DIGITS]: (i, row[_TEXT_DIGITS:]) for i, row in enumerate(re.findall(r"[0-9a-f]{12}", "".join(rows)))
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
