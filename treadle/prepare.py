"""`treadle prepare`: expert solutions in, step instances and a report out. Nothing appears half-written."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from treadle.errors import DataError
from treadle.folders import check_out
from treadle.instances import Context, Targets, step_instances
from treadle.prepared import write_instances, write_trajectories
from treadle.sources import FORMATS, read_trajectories
from treadle.sources.columns import PRESETS, Columns
from treadle.sources.numbered import Untitled
from treadle.sources.report import DropReason, ReadReport
from treadle.trajectory import StepInstance, Trajectory


@dataclass(frozen=True)
class PrepareSettings:
    """Everything that decides what is written.

    Args:
        held_out: Trajectories kept for validation: a count, or a share below 1. The split is by trajectory,
            so that no step of a held-out solution is ever trained on.
    """

    format: str = "auto"
    columns: Columns | None = None
    untitled: Untitled = "drop"
    keep_unverified: bool = False
    split: str = "train"
    targets: Targets = "skip_last"
    give_title: bool = False
    context: Context = "full"
    held_out: float = 0.05
    seed: int = 0


@dataclass
class PrepareReport:
    """What `prepare` made, for people and programs."""

    source: str
    settings: dict[str, Any]
    rows: ReadReport
    trajectories: dict[str, int]
    instances: dict[str, int]
    with_answer: int
    steps_per_trajectory: dict[str, float]
    action_characters: dict[str, float]
    prompt_tokens: dict[str, float] | None = None
    action_tokens: dict[str, float] | None = None
    examples: list[dict[str, str]] = field(default_factory=list)


def prepare(
    source: str | Path,
    out: Path,
    settings: PrepareSettings | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    overwrite: bool = False,
) -> PrepareReport:
    """Read trajectories, cut them into instances, split off the held-out ones, write all of it to `out`.

    Args:
        source: File, folder or hub data set, see `read_trajectories`.
        out: Folder to write; it appears by rename when everything is in it.
        tokenizer: To report token lengths and to show prompts as the model will see them.
        overwrite: Replace an existing `out`.

    Raises:
        DataError: The input is unreadable, or no row of it could be used.
        OutputError: `out` exists and `overwrite` is not set.
    """
    settings = settings or PrepareSettings()
    rows = ReadReport()
    kept: list[tuple[Trajectory, list[StepInstance]]] = []
    check_out(out, overwrite, "report.json", source)
    seen: set[str] = set()
    for trajectory in read_trajectories(
        source,
        settings.format,
        settings.keep_unverified,
        rows,
        columns=settings.columns,
        untitled=settings.untitled,
        split=settings.split,
    ):
        instances = step_instances(trajectory, settings.targets, settings.give_title, settings.context)
        if trajectory.id in seen or not instances:
            rows.kept -= 1
            reason = DropReason.DUPLICATE_ID if trajectory.id in seen else DropReason.TOO_FEW_STEPS
            rows.drop(reason, str(trajectory.meta.get("source", trajectory.id)), trajectory.problem)
            continue
        seen.add(trajectory.id)
        kept.append((trajectory, instances))
    if not kept:
        raise DataError(_nothing_kept(source, rows))
    train, held = _split(kept, settings)
    report = _report(str(source), settings, rows, train, held, tokenizer)
    with _appearing(out, overwrite) as folder:
        for name, part in (("train", train), ("heldout", held)):
            write_trajectories(folder, name, (t for t, _ in part))
            write_instances(folder, name, (i for _, instances in part for i in instances))
        (folder / "report.json").write_text(json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n")
        (folder / "report.md").write_text(as_markdown(report))
    return report


def _split(
    kept: list[tuple[Trajectory, list[StepInstance]]], settings: PrepareSettings
) -> tuple[list[tuple[Trajectory, list[StepInstance]]], list[tuple[Trajectory, list[StepInstance]]]]:
    count = round(settings.held_out * len(kept)) if settings.held_out < 1 else int(settings.held_out)
    if count >= len(kept):
        raise DataError(
            f"--held-out {settings.held_out:g} asks for {count} of {len(kept)} trajectories, which leaves none to "
            f"train on; set it below {len(kept)} or to a share such as 0.05"
        )
    chosen = set(random.Random(settings.seed).sample(range(len(kept)), count))
    return (
        [pair for i, pair in enumerate(kept) if i not in chosen],
        [pair for i, pair in enumerate(kept) if i in chosen],
    )


def _nothing_kept(source: str | Path, rows: ReadReport) -> str:
    lines = [f"{source}: none of {rows.read} rows could be used"]
    for reason, count in rows.dropped.most_common():
        lines.append(f"  {count} x {reason}: {reason.explanation}")
    examples = [(where, text) for found in rows.examples.values() for where, text in found][:3]
    lines += [f"  for example {where}: {text!r}" for where, text in examples]
    presets = "; ".join(f"{name} ({c.problem}, {c.solution})" for name, c in PRESETS.items())
    lines.append(
        f"Understood are the forms {', '.join(FORMATS)}: solutions in steps numbered from 1, as '1. **Title** body', "
        f"'**1. Title**', '### Step 1: Title' or 'Step 1: ...'. Columns: {presets}, or --columns."
    )
    return "\n".join(lines)


@contextmanager
def _appearing(out: Path, overwrite: bool) -> Iterable[Path]:
    """A scratch folder beside `out` that takes its name when the block ends well, and vanishes when not."""
    scratch = out.with_name(f".{out.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        if out.exists() and overwrite:
            old = out.with_name(f".{out.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            out.rename(old)
            scratch.rename(out)
            shutil.rmtree(old)
        else:
            scratch.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _report(
    source: str,
    settings: PrepareSettings,
    rows: ReadReport,
    train: list[tuple[Trajectory, list[StepInstance]]],
    held: list[tuple[Trajectory, list[StepInstance]]],
    tokenizer: PreTrainedTokenizerBase | None,
) -> PrepareReport:
    both = train + held
    instances = [i for _, part in both for i in part]
    report = PrepareReport(
        source=source,
        settings=asdict(settings),
        rows=rows,
        trajectories={"train": len(train), "heldout": len(held)},
        instances={"train": sum(len(p) for _, p in train), "heldout": sum(len(p) for _, p in held)},
        with_answer=sum(t.answer is not None for t, _ in both),
        steps_per_trajectory=summary(len(t.steps) for t, _ in both),
        action_characters=summary(len(i.expert_action) for i in instances),
    )
    show: Callable[[StepInstance], str] = _plain
    if tokenizer is not None:
        show = lambda i: tokenizer.apply_chat_template(i.prompt, add_generation_prompt=True, tokenize=False)  # noqa: E731
        report.prompt_tokens = summary(len(ids) for ids in _token_ids(tokenizer, [show(i) for i in instances]))
        report.action_tokens = summary(len(ids) for ids in _token_ids(tokenizer, [i.expert_action for i in instances]))
    middle = [train[k * (len(train) - 1) // 2][1] for k in range(3)]
    report.examples = [
        {"id": f"{i.trajectory_id}, step {i.step} of {i.n_steps}", "prompt": show(i), "expert_action": i.expert_action}
        for i in (part[min(k, len(part) - 1)] for k, part in enumerate(middle))
    ]
    return report


def _plain(instance: StepInstance) -> str:
    return "\n".join(f"[{message['role']}]\n{message['content']}" for message in instance.prompt)


def _token_ids(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, add_special_tokens=False)["input_ids"]


def summary(values: Iterable[float]) -> dict[str, float]:
    """Minimum, median, mean, 95th percentile and maximum; empty for no values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]  # noqa: E731
    return {
        "min": ordered[0],
        "median": at(0.5),
        "mean": round(sum(ordered) / len(ordered), 1),
        "p95": at(0.95),
        "max": ordered[-1],
    }


def as_json(report: PrepareReport) -> dict[str, Any]:
    data = asdict(report)
    data["rows"] = {
        "read": report.rows.read,
        "kept": report.rows.kept,
        "dropped": {str(reason): count for reason, count in report.rows.dropped.items()},
        "dropped_examples": {str(reason): found for reason, found in report.rows.examples.items()},
    }
    return data


def as_markdown(report: PrepareReport) -> str:
    """The report as it is printed and written beside the data."""
    rows, lines = report.rows, [f"# Prepared from {report.source}", ""]
    lines += [f"rows read {rows.read}, kept {rows.kept}, dropped {sum(rows.dropped.values())}", ""]
    if rows.dropped:
        lines += ["| dropped | rows | why |", "|---|---|---|"]
        lines += [f"| {reason} | {count} | {reason.explanation} |" for reason, count in rows.dropped.most_common()]
        lines.append("")
    lines += ["| | train | held out |", "|---|---|---|"]
    for name, counts in (("trajectories", report.trajectories), ("step instances", report.instances)):
        lines.append(f"| {name} | {counts['train']} | {counts['heldout']} |")
    lines += ["", f"with a final answer: {report.with_answer} of {sum(report.trajectories.values())} trajectories", ""]
    lines += ["| | min | median | mean | p95 | max |", "|---|---|---|---|---|---|"]
    for name, numbers in (
        ("steps per trajectory", report.steps_per_trajectory),
        ("action, characters", report.action_characters),
        ("prompt, tokens", report.prompt_tokens),
        ("action, tokens", report.action_tokens),
    ):
        if numbers:
            lines.append(
                f"| {name} | " + " | ".join(f"{numbers[k]:g}" for k in ("min", "median", "mean", "p95", "max")) + " |"
            )
    settings = {k: v for k, v in report.settings.items() if v is not None}
    lines += ["", "settings: " + ", ".join(f"{k}={v}" for k, v in settings.items()), ""]
    for example in report.examples:
        lines += [f"## {example['id']}", "", "Prompt:", "", "````", example["prompt"].rstrip(), "````", ""]
        lines += ["Expert's action:", "", "````", example["expert_action"], "````", ""]
    return "\n".join(lines)
