"""What `treadle prepare` reports: counts that add up, distributions, examples; as JSON, Markdown and a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from treadle.data.curate.replay import replay_sentence
from treadle.data.sources.report import DropReason, ReadReport
from treadle.legible import number, shorten
from treadle.scoring.floors import TITLES
from treadle.scoring.grading import grader_version
from treadle.statistics.estimates import wilson

EXAMPLE = 6000
"""Characters of an example's prompt or action that reports have, beginning and end together."""
PRINTED = (6, 400)
"""Lines and characters of it that are printed, at its beginning and at its end."""


FEW = 30
"""Held-out trajectories below which it is said what an accuracy over them is worth; as many as AIME24 has."""


@dataclass
class PrepareReport:
    """What `prepare` made, for people and programs.

    Args:
        rows: What was read, kept and dropped.
        trajectories, instances: How many, by split.
        verified: How many trajectories their source calls right (`true`), wrong (`false`), or does not judge.
        origins: How many trajectories `treadle teach` made, by what was done, model and round.
        curated: What curation changed inside trajectories, counted.
        duplicates: Exact and near duplicates that were found, whether or not they were dropped.
        overlap: Problems that overlap with evaluation sets, by set.
        distributions: Of lengths, by name; see `Distribution.summary`.
        examples: Instances as the model sees them, see `example_of`.
        domains: By name what is known of each domain that trajectories are of: `digest` of its prompts (see
            `treadle.domains.digest`), what it is `about`, and how many `trajectories`.
        floors: What similarity is earned without reading the problem, see `FloorSample.measure`; `None` where there
            is only one trajectory, and for folders of earlier versions.
        files: Sizes and SHA-256 of the files that were written beside `report.json`.
        fingerprint: What the result depends on; an equal one means that the folder need not be made again.
        reused: Whether the folder was there already, made from the same input with the same settings.
    """

    source: str
    settings: dict[str, Any]
    rows: ReadReport
    trajectories: Counter[str] = field(default_factory=lambda: Counter(train=0, heldout=0))
    instances: Counter[str] = field(default_factory=lambda: Counter(train=0, heldout=0))
    with_answer: int = 0
    verified: Counter[str] = field(default_factory=Counter)
    repositories: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    curated: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    duplicate_examples: list[tuple[str, str]] = field(default_factory=list)
    overlap: Counter[str] = field(default_factory=Counter)
    overlap_examples: list[tuple[str, str, str]] = field(default_factory=list)
    distributions: dict[str, dict[str, Any]] = field(default_factory=dict)
    examples: list[dict[str, str]] = field(default_factory=list)
    domains: dict[str, dict[str, Any]] = field(default_factory=dict)
    floors: dict[str, Any] | None = None
    seconds: float = 0.0
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    fingerprint: str | None = None
    reused: bool = False


def as_json(report: PrepareReport) -> dict[str, Any]:
    """The content of `report.json`."""
    rows = report.rows
    data = {name: value for name, value in vars(report).items() if name not in ("rows", "reused", "duplicate_examples")}
    data["rows"] = {
        "read": rows.read,
        "kept": rows.kept,
        "dropped": {str(reason): count for reason, count in rows.dropped.most_common()},
        "dropped_examples": {str(reason): found for reason, found in rows.examples.items()},
        "forms": dict(rows.forms),
        "skipped_files": dict(rows.skipped_files),
        "notes": {topic: dict(counts) for topic, counts in rows.notes.items()},
    }
    data["grader"] = grader_version(report.settings.get("grader", "treadle"))
    data["duplicates"] = {**report.duplicates, "examples": report.duplicate_examples}
    return json.loads(json.dumps(data))


def from_json(data: dict[str, Any]) -> PrepareReport:
    """The report of an earlier run, from the content of its `report.json`."""
    data = dict(data)
    rows = data.pop("rows")
    duplicates = dict(data.pop("duplicates"))
    data.pop("grader", None)  # follows from the settings and the version
    return PrepareReport(
        **{name: Counter(value) if name in _COUNTERS else value for name, value in data.items()},
        rows=ReadReport(
            rows["read"],
            rows["kept"],
            Counter({DropReason(reason): count for reason, count in rows["dropped"].items()}),
            Counter(rows["forms"]),
            {DropReason(reason): found for reason, found in rows["dropped_examples"].items()},
            Counter(rows["skipped_files"]),
            {topic: Counter(counts) for topic, counts in rows.get("notes", {}).items()},
        ),
        duplicate_examples=duplicates.pop("examples"),
        duplicates=Counter(duplicates),
        reused=True,
    )


_COUNTERS = ("trajectories", "instances", "verified", "repositories", "origins", "curated", "overlap")


def as_markdown(report: PrepareReport) -> str:
    """The report as it is written beside the data."""
    data = as_json(report)
    title = f"# Prepared from {data['source']}\n"
    return "\n".join([title, *_counted(data), *_measured(data), "", *_examples(data, EXAMPLE, EXAMPLE)])


def as_printed(report: PrepareReport) -> str:
    """The report as it is printed: examples in short, and the counts last, where they are seen."""
    data = as_json(report)
    measured = ["Lengths, and what is earned without learning anything:", "", *_measured(data), ""]
    return "\n".join([*_examples(data, *PRINTED), *measured, f"# Prepared from {data['source']}\n", *_counted(data)])


def _counted(data: dict[str, Any]) -> list[str]:
    """What became of the rows."""
    rows, lines = data["rows"], []
    lines += [f"rows read {rows['read']:,}, kept {rows['kept']:,}, dropped {sum(rows['dropped'].values()):,}", ""]
    lines += _counts("form", "rows", rows["forms"])
    lines += _dropped(rows)
    for topic, counts in rows["notes"].items():
        lines += _counts(topic, "rows", counts)
    lines += _counts("files not opened", "files", rows["skipped_files"])
    lines += ["| | train | held out |", "|---|---|---|"]
    for name, key in (("trajectories", "trajectories"), ("step instances", "instances")):
        lines.append(f"| {name} | {data[key]['train']:,} | {data[key]['heldout']:,} |")
    if 0 < (few := data["trajectories"]["heldout"]) < FEW:
        lines += ["", few_sentence(few)]
    total = sum(data["trajectories"].values())
    if data["settings"].get("targets") == "skip_last" and sum(data["instances"].values()):
        lines += ["", "the last step of each trajectory is no target, as in the paper; --targets all makes it one"]
    lines += ["", f"with a final answer: {data['with_answer']:,} of {total:,} trajectories", ""]
    if said := replay_sentence(rows["notes"]):
        lines += [said, ""]
    if repositories := data["repositories"]:
        lines += [
            f"repositories: {len(repositories):,}, the largest with {max(repositories.values()):,} trajectories",
            "",
        ]
    lines += _counts("made by `treadle teach`", "trajectories", data["origins"])
    lines += _counts("curation", "count", data["curated"])
    found = {kind: count for kind, count in data["duplicates"].items() if kind != "examples"}
    lines += _counts("duplicates of an earlier trajectory", "found", found)
    return [*lines, *_counts("problems that overlap with", "found", data["overlap"])]


def _measured(data: dict[str, Any]) -> list[str]:
    """Lengths, floors and settings."""
    lines = ["| | min | median | mean | p95 | max |", "|---|---|---|---|---|---|"]
    for name, numbers in data["distributions"].items():
        cells = " | ".join(number(numbers[k]) for k in ("min", "median", "mean", "p95", "max"))
        lines.append(f"| {name} | {cells} |")
    lines += _floors(data["floors"])
    settings = {k: setting_text(v) for k, v in data["settings"].items() if v not in (None, False, [], ())}
    lines += ["", f"answers are compared by: {data['grader']}"]
    return [*lines, "", "settings: " + ", ".join(f"{k}={v}" for k, v in settings.items())]


def few_sentence(held_out: int) -> str:
    """What so few held-out trajectories can show at best."""
    low = wilson(held_out, held_out).low
    return (
        f"held out are {held_out:,}: even with all of them solved, the 95% interval of an accuracy is {low:.0%} to "
        "100%; --held-out sets another number or share"
    )


def setting_text(value: Any) -> str:
    """A setting as it is given on the command line: several names of columns as `problem=NAME,solution=NAME`."""
    if isinstance(value, dict):
        return ",".join(f"{name}={given}" for name, given in value.items() if given)
    return str(value)


def _examples(data: dict[str, Any], lines: int, characters: int) -> list[str]:
    """Each instance as the model sees it.

    Args:
        lines, characters: What is shown of a longer text at its beginning, and as much at its end.
    """
    shown = []
    for example in data["examples"]:
        shown += [f"## {example['id']}", ""]
        for name, text in (("Prompt", example["prompt"].rstrip()), ("Expert's action", example["expert_action"])):
            head, marker, tail = shorten(text, lines, lines, characters)
            shown += [f"{name}:", "", "````", f"{head.rstrip()}\n{marker}\n{tail}" if marker else text, "````", ""]
    return shown


def example_of(text: str, trajectory: str) -> str:
    """A text of an example as the reports have it: one of megabytes keeps its beginning and its end.

    Args:
        trajectory: Id of the trajectory that it is of, where the whole text stands.
    """
    head, marker, tail = shorten(text, len(text), len(text), EXAMPLE // 2)
    whole = f"`treadle inspect` of this folder with --id {trajectory!r} --full shows the whole trajectory"
    return f"{head}\n{marker} {whole}\n{tail}" if marker else text


def _counts(what: str, unit: str, counts: dict[str, int]) -> list[str]:
    if not counts:
        return []
    return [f"| {what} | {unit} |", "|---|---|", *(f"| {name} | {count:,} |" for name, count in counts.items()), ""]


def floor_sentences(floors: Mapping[str, Any]) -> tuple[str, str]:
    """What the floor of the data is, and how it was measured.

    Args:
        floors: What `report.json` has under this name.
    """
    floor, chosen, measured, pairs = (floors[name] for name in ("floor", "chosen_on", "measured_on", "pairs"))
    how = (
        f"Constants are chosen on {chosen['steps']:,} steps of {chosen['trajectories']:,} trajectories, measured on "
        f"{measured['steps']:,} of {measured['trajectories']:,} others; {pairs:,} pairs of texts were compared"
    )
    if floors["cut"]:
        how += f", {floors['cut']:,} actions by their first {floors['longest']:,} characters"
    interval = "" if floor["low"] is None else f" (95% interval {floor['low']:.3f} to {floor['high']:.3f})"
    earned = f"a similarity of up to {floor['value']:.3f}{interval}"
    found = f"A policy that has learned nothing earns {earned}: {TITLES[floor['name']]}."
    return found, f"{how}."


def floor_title(policy: Mapping[str, Any]) -> str:
    """A policy in words, with how often the most frequent action is right."""
    title = TITLES.get(policy["name"], policy["name"])
    return title if "share" not in policy else f"{title}: right at {policy['share']:.0%} of steps"


def _floors(floors: dict[str, Any] | None) -> list[str]:
    if floors is None:
        return []
    lines = ["", " ".join(floor_sentences(floors)), ""]
    lines += ["| similarity without reading the problem | mean | 95% interval |", "|---|---|---|"]
    for policy in floors["policies"]:
        interval = "" if policy["low"] is None else f"{policy['low']:.3f} to {policy['high']:.3f}"
        lines.append(f"| {floor_title(policy)} | {policy['value']:.3f} | {interval} |")
    (constant,) = (policy for policy in floors["policies"] if policy["name"] == "constant")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in constant["texts"][0]["text"])
    return [*lines, "", "The best constant action:", "", "````", shown, "````"]


def _dropped(rows: dict[str, Any]) -> list[str]:
    if not rows["dropped"]:
        return []
    lines = ["| dropped | rows | why |", "|---|---|---|"]
    lines += [
        f"| {reason} | {count:,} | {DropReason(reason).explanation} |" for reason, count in rows["dropped"].items()
    ]
    return [*lines, ""]
