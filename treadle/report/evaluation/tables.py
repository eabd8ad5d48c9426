"""The tables of a run's page: figures with intervals, how attempts ended, averages, settings and provenance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from treadle.evaluate.averages import TITLES, several
from treadle.report.text import number

LENGTHS = ("tokens", "thought_tokens", "steps")  # means over attempts
OF_ALL = ("truncated", "empty", "failed", "problems_kept_out")  # of a row's counts
_ENDS = {
    "verdicts": "grader's verdict",
    "stops": "ended because",
    "format_faults": "format fault",
    "": "of all",
}
"""Groups of counts of a row with their titles; the last are the row's own."""
_NO_SETTING = ("benchmarks",)  # of run.json: shown in a table of their own


Row = tuple[str, str, str, Mapping[str, Any]]
"""Benchmark, mode, decoding and figures."""


def rows(results: Mapping[str, Any]) -> Iterator[Row]:
    """Every row, in the order of the results."""
    for benchmark, found in results.get("benchmarks", {}).items():
        for mode, decodings in found.get("modes", {}).items():
            for decoding, figures in decodings.items():
                yield benchmark, mode, decoding, figures


def result_table(results: Mapping[str, Any]) -> dict[str, Any]:
    """The main table: `columns` and `rows` of cells, each a figure with its interval or a mean."""
    found = list(rows(results))
    lengths = [name for name in LENGTHS if any(f.get(name) is not None for *_, f in found)]
    rules = ("strict", "lenient") if any(f.get("extraction") for *_, f in found) else ()
    table = [
        _row(
            results,
            row,
            [
                estimate(row[3].get("accuracy")),
                *(estimate((row[3].get("extraction") or {}).get(name)) for name in rules),
                *(_mean(row[3].get(name)) for name in lengths),
            ],
        )
        for row in found
    ]
    titles = {"strict": "in a box", "lenient": "without a box too"}
    columns = ["accuracy", *(titles[name] for name in rules), *(name.replace("_", " ") for name in lengths)]
    return {"columns": columns, "rows": table}


def sample_table(results: Mapping[str, Any]) -> dict[str, Any]:
    """pass@k and maj@k of what was sampled, in the form of `result_table`."""
    found = [row for row in rows(results) if row[3].get("pass_at") or row[3].get("maj_at")]
    at = [(name, k) for name in ("pass_at", "maj_at") for k in _places(found, name)]
    table = [_row(results, row, [estimate((row[3].get(name) or {}).get(k)) for name, k in at]) for row in found]
    return {"columns": [f"{name.removesuffix('_at')}@{k}" for name, k in at], "rows": table}


def _row(results: Mapping[str, Any], row: Row, cells: list[dict[str, Any]]) -> dict[str, Any]:
    benchmark, mode, decoding, figures = row
    return {
        "benchmark": benchmark,
        "mode": mode,
        "decoding": decoding,
        "problems": _number(results["benchmarks"][benchmark].get("problems")),
        "samples": _number(figures.get("samples")),
        "cells": cells,
    }


def end_table(results: Mapping[str, Any]) -> dict[str, Any]:
    """How attempts ended, as counts by verdict, stop and format fault; what was left out or failed.

    Returns:
        `heads` and `rows` of what happened in any row, and the names of what happened in `none`.
    """
    found = list(rows(results))
    table = [{"benchmark": name, "mode": mode, "decoding": decoding, "counts": []} for name, mode, decoding, _ in found]
    heads, none = [], []
    for group, title in _ENDS.items():
        names = _names(found, group) if group else OF_ALL
        counts_by_name = {n: [((f.get(group) if group else f) or {}).get(n, 0) for *_, f in found] for n in names}
        none += [name for name, counts in counts_by_name.items() if not any(counts)]
        seen = {name: counts for name, counts in counts_by_name.items() if any(counts)}
        heads += [{"title": title, "names": list(seen)}] if seen else []
        for place, row in enumerate(table):
            row["counts"] += [counts[place] for counts in seen.values()]
    return {"heads": heads, "rows": table, "none": none}


def left_out(results: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Benchmark, reason and count of problems that were not put to the model."""
    return [
        (benchmark, reason, count)
        for benchmark, found in results.get("benchmarks", {}).items()
        for reason, count in (found.get("left_out") or {}).items()
        if count
    ]


def errors(results: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Place, error and count of attempts that the back end did not give."""
    return [
        (f"{benchmark}, {mode}, {decoding}", error, count)
        for benchmark, mode, decoding, figures in rows(results)
        for error, count in (figures.get("errors") or {}).items()
    ]


def average_table(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The averages by mode, each with its name in words; one that cannot be given says so."""
    return [
        {
            "mode": mode,
            "name": TITLES.get(kind, kind),
            "what": found.get("reason") or ", ".join(found.get("columns") or ()),
            "cell": estimate(found),
        }
        for mode, kind, found in several(results)
    ]


def estimate(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """A share with its interval as text in percent, and as numbers for a plot; a dash for none."""
    if not found or found.get("value") is None:
        return {"text": "–", "interval": ""}
    value, low, high = found["value"], found.get("low"), found.get("high")
    interval = f"{100 * low:.1f} to {100 * high:.1f}" if low is not None and high is not None else ""
    return {"text": f"{100 * value:.1f}%", "interval": interval, "value": value, "low": low, "high": high}


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names and values in a line each."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            yield f"{prefix}{name}", shown


def behaviours(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What `treadle.evaluate.behaviours` found, by the name of what it looked at; nothing where results have none.

    Behaviours that some attempt has are in `seen`, the others in `unseen`.
    """
    found = results.get("behaviours") or {}
    looked_at = [("all attempts", found)] if "behaviours" in found else list(found.items())
    return [(name, {**one, **_seen(one.get("behaviours") or {})}) for name, one in looked_at]


def _seen(figures: Mapping[str, Any]) -> dict[str, Any]:
    seen = {name: one for name, one in figures.items() if (one.get("share") or {}).get("value")}
    return {"seen": seen, "unseen": {name: one for name, one in figures.items() if name not in seen}}


def provenance(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Everything that `run.json` says but the benchmarks, which `sets` gives."""
    return list(flat({name: value for name, value in info.items() if name not in _NO_SETTING}))


def sets(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """The benchmarks with their counts and hashes."""
    return [
        {"name": name, "problems": _number(found.get("problems")), "sha256": str(found.get("sha256") or "not stated")}
        for name, found in results.get("benchmarks", {}).items()
    ]


def _places(found: list[Row], name: str) -> list[str]:
    return sorted({k for *_, figures in found for k in figures.get(name) or {}}, key=int)


def _names(found: list[Row], group: str) -> list[str]:
    return list(dict.fromkeys(name for *_, figures in found for name in figures.get(group) or {}))


def _mean(value: float | None) -> dict[str, Any]:
    return {"text": _number(value), "interval": ""}


def _number(value: float | None) -> str:
    return "–" if value is None else number(value)
