"""report.md: what became of every sample, in tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle.teacher.assignments import LeftOut
from treadle.teacher.checks import Reason
from treadle.teacher.checks.resolved import EpisodeFault, NoVerdict

_REASONS = {str(reason): reason.explanation for reason in (*LeftOut, *Reason, *EpisodeFault, *NoVerdict)}


def as_text(report: Mapping[str, Any]) -> str:
    """The content of report.json for people."""
    samples, problems, inputs = (report[name] for name in ("samples", "problems", "inputs"))
    lines = [f"# {report['command']} with {report['model']}", ""]
    lines += [f"rows read {inputs['read']:,} from {inputs['source']}, given to the teacher {inputs['given']:,}", ""]
    lines += _table("left out before asking", inputs["left_out"])
    rejected, failed = sum(samples["rejected"].values()), sum(samples["failed"].values())
    lines += [
        f"samples {samples['all']:,} = kept {samples['kept']:,} + rejected {rejected:,} + failed {failed:,}"
        f" + not asked {samples['not_asked']:,}",
        "",
    ]
    lines += _table("rejected", samples["rejected"])
    lines += _table("failed", samples["failed"])
    share = problems["share"]
    lines += [
        f"problems with a solution that is kept: {problems['with_a_solution']:,} of {problems['all']:,}, "
        f"{share['value']:.0%} (95% interval {share['low']:.0%} to {share['high']:.0%})",
        "",
    ]
    tries = report.get("tries", {})
    if tries.get("asked_again_for"):
        lines += _table("asked again for", tries["asked_again_for"])
        lines += [f"kept at try {number}: {count:,}" for number, count in tries["kept_at_try"].items()]
        lines += [""]
    lines += [_tokens(report["tokens"], report["cost"]) if "tries" in report else _episodes(report), ""]
    settings = ", ".join(f"{name}={value}" for name, value in report["settings"].items())
    return "\n".join([*lines, f"settings: {settings}", ""])


def _tokens(tokens: Mapping[str, int], cost: float | None) -> str:
    said = f"tokens of all answers in the store: {tokens['prompt']:,} sent, {tokens['completion']:,} received"
    if tokens["estimated"]:
        said += f" (what was sent is estimated for {tokens['estimated']:,} of {tokens['answers']:,} answers)"
    return said + (f"; cost {cost:,.2f}" if cost is not None else "")


def _episodes(report: Mapping[str, Any]) -> str:
    found = report["episodes"]
    ended = ", ".join(f"{name} {count:,}" for name, count in found["kept_that_ended"].items())
    faulty = found.get("faulty_steps_left_out")
    left_out = f"; {faulty:,} of their answers had no call and are left out" if ended and faulty is not None else ""
    return (
        f"steps of all episodes: {found['steps']:,}, tokens received {report['tokens']['completion']:,}; "
        f"kept ones ended: {ended or 'none is kept'}{left_out}"
    )


def _table(what: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    rows = [f"| {name} | {count:,} | {_REASONS.get(name, '')} |" for name, count in counts.items()]
    return [f"| {what} | count | why |", "|---|---|---|", *rows, ""]
