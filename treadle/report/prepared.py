"""The report of `treadle prepare` as one static page: counts that add up, shares, histograms and examples.

It is made of the content of `report.json` alone, so a page can be written again at any time. What a report does not
have, or has empty, does not appear.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treadle.data.curate.replay import ENVIRONMENT, VERDICT
from treadle.data.prepare.report import EXAMPLE, floor_sentences, floor_title, setting_text
from treadle.data.sources.report import DropReason
from treadle.report.bars import bars, share
from treadle.report.pages import write_page
from treadle.report.text import number, shorten

LISTED = 20
"""Entries of a list, such as that of repositories, before "and N more"."""

NUMBERS = ("min", "median", "mean", "p95", "max")


def write_prepare_page(report_data: Mapping[str, Any], path: Path) -> None:
    """Write the page of a report.

    Args:
        report_data: The content of `report.json`.
        path: File to write.

    Raises:
        OutputError: `path` cannot be written to.
    """
    found = report_data.get("distributions") or {}
    write_page(
        path,
        "report/prepared.html.j2",
        source=report_data.get("source") or "",
        seconds=report_data.get("seconds"),
        tiles=_tiles(report_data),
        rows=_rows(report_data.get("rows") or {}),
        sections=_sections(report_data),
        floors=_floors(report_data.get("floors")),
        numbers=NUMBERS,
        distributions=[_distribution(name, summary) for name, summary in found.items() if summary],
        examples=[_example(example) for example in report_data.get("examples") or ()],
        settings={k: setting_text(v) for k, v in (report_data.get("settings") or {}).items() if v is not None},
    )


def _tiles(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = data.get("rows") or {}
    tiles = [
        {"name": "rows read", "value": rows.get("read"), "note": ""},
        {"name": "rows kept", "value": rows.get("kept"), "note": ""},
    ]
    for name in ("trajectories", "instances"):
        counts = data.get(name) or {}
        note = ", ".join(f"{count:,} {split.replace('heldout', 'held out')}" for split, count in counts.items())
        tiles.append({"name": name, "value": sum(counts.values()) if counts else None, "note": note})
    tiles.append({"name": "with a final answer", "value": data.get("with_answer"), "note": ""})
    return [tile for tile in tiles if tile["value"] is not None]


def _rows(rows: Mapping[str, Any]) -> dict[str, Any] | None:
    """Kept and dropped rows; `adds_up` tells whether they are all that were read."""
    if "read" not in rows:
        return None
    read, kept, dropped = rows["read"], rows.get("kept", 0), rows.get("dropped") or {}
    entries = [_entry("kept", kept, read, read), *(_entry(reason, n, read, read) for reason, n in _descending(dropped))]
    for entry in entries[1:]:
        entry["why"] = _explanation(entry["name"])
        entry["examples"] = (rows.get("dropped_examples") or {}).get(entry["name"])
    total = sum(dropped.values())
    return {
        "read": read,
        "kept": kept,
        "dropped": total,
        "adds_up": kept + total == read,
        "table": {"unit": "rows", "shares": bool(read), "rows": entries, "more": 0},
    }


def _sections(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Counts of everything else. Shares are of the rows read where a section counts some of them, else of its sum;
    what curation did is counted in different units and has none."""
    rows = data.get("rows") or {}
    read, duplicates, verified = rows.get("read"), data.get("duplicates") or {}, data.get("verified") or {}
    says = {"true": "yes", "false": "no", "unknown": "not stated"}
    kinds = {kind: count for kind, count in duplicates.items() if kind != "examples"}
    stated = {says.get(key, key): count for key, count in verified.items()}
    repositories, overlaps = data.get("repositories") or {}, data.get("overlap")
    problems, notes = data.get("overlap_examples"), rows.get("notes") or {}
    found = (
        ("Forms", "recognised as", "rows", rows.get("forms"), read, None),
        ("Verified", "by the source", "trajectories", stated, None, None),
        ("Environment", "played again", "trajectories", notes.get(ENVIRONMENT), None, None),
        ("Verdict", "by the domain", "trajectories", notes.get(VERDICT), None, None),
        *((topic.capitalize(), "found", "rows", notes[topic], None, None) for topic in sorted(notes.keys() - _PLAYED)),
        ("Made by `treadle teach`", "how", "trajectories", data.get("origins"), None, None),
        ("Duplicates", "kind", "rows", kinds, read, duplicates.get("examples")),
        ("Overlap with evaluation problems", "set", "rows", overlaps, read, problems),
        ("Curation", "what was found", "count", data.get("curated"), 0, None),
        ("Files that were not opened", "why", "files", rows.get("skipped_files"), None, None),
        (f"Repositories ({len(repositories):,})", "repository", "trajectories", repositories, None, None),
    )
    return [
        {"title": title, "what": what, "table": _table(counts, unit, whole), "examples": examples}
        for title, what, unit, counts, whole, examples in found
        if counts
    ]


_PLAYED = {ENVIRONMENT, VERDICT}


def _floors(floors: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The policies that do not read the problem, with bars as wide as what they earn."""
    if not floors:
        return None
    found, how = floor_sentences(floors)
    policies = [
        {
            "title": floor_title(policy),
            "value": f"{policy['value']:.3f}",
            "interval": "" if policy["low"] is None else f"{policy['low']:.3f} to {policy['high']:.3f}",
            "width": round(100 * policy["value"], 2),
            "texts": [{**text, "similarity": f"{text['similarity']:.3f}"} for text in policy["texts"]],
        }
        for policy in floors["policies"]
    ]
    return {"found": found, "how": how, "policies": policies}


def _table(counts: Mapping[str, int], unit: str, whole: int | None) -> dict[str, Any]:
    whole = sum(counts.values()) if whole is None else whole
    ordered = _descending(counts)
    rest = sum(count for _, count in ordered[LISTED:])
    return {
        "unit": unit,
        "shares": bool(whole),
        "rows": [_entry(name, count, whole, ordered[0][1]) for name, count in ordered[:LISTED]],
        "more": max(0, len(ordered) - LISTED),
        "rest": rest,
        "rest_share": share(rest, whole),
    }


def _entry(name: str, count: int, whole: int, widest: int) -> dict[str, Any]:
    width = round(100 * count / widest, 2) if widest else 0
    return {"name": name, "count": count, "share": share(count, whole), "width": width, "why": "", "examples": None}


def _descending(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def _explanation(reason: str) -> str:
    """What `DropReason` says; nothing for a reason of another version of treadle."""
    return DropReason(reason).explanation if reason in set(DropReason) else ""


def _distribution(name: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    histogram = summary.get("histogram") or {}
    drawn = bars(histogram) if histogram.get("counts") else {"bars": []}
    values = [number(summary[key]) if summary.get(key) is not None else "" for key in NUMBERS]
    return {"name": name, "numbers": values, **drawn}


def _example(example: Mapping[str, str]) -> dict[str, str]:
    prompt, action = (str(example.get(key) or "") for key in ("prompt", "expert_action"))
    head, marker, tail = shorten(prompt, len(prompt), len(prompt), EXAMPLE // 2)
    shown = f"{head}\n{marker}\n{tail}" if marker else prompt
    return {"id": str(example.get("id") or ""), "prompt": shown.strip(), "action": action}
