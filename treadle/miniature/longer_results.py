"""What bootstrapping on longer problems gave beside its control: a curve, and a sentence for each claim, computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treadle.files.whole import appearing_file
from treadle.miniature.claims import Above
from treadle.report.curves import accuracy_curve
from treadle.report.pages import write_page
from treadle.report.pictures import picture
from treadle.statistics.estimates import in_percent, wilson
from treadle.statistics.intervals import paired_difference

OWN, CONTROL = "bootstrapped", "control"
TITLES = {OWN: "bootstrapped on longer problems", CONTROL: "RLVR on the old problems for the same time"}
CLAIMS = (
    ("A student bootstraps itself to longer problems without an expert: above its start", OWN, "start"),
    ("Its own solutions of longer problems teach it more than more training on the old ones", OWN, CONTROL),
)


def summary(
    own: Sequence[Mapping[str, Any]], control: Sequence[Mapping[str, Any]], lengths: Sequence[int]
) -> dict[str, Any]:
    """The content of results.json.

    Args:
        own, control: Figures of the start and of each round, with `right` and `seconds`.
        lengths: Operations of each held-out problem.
    """
    lines = {OWN: own, CONTROL: control}
    return {
        "lines": {name: [_row(figures, lengths) for figures in line] for name, line in lines.items()},
        "claims": [_claim(claim, first, second, lines) for claim, first, second in CLAIMS],
        "problems": len(lengths),
        "operations": sorted(set(lengths)),
    }


def _row(figures: Mapping[str, Any], lengths: Sequence[int]) -> dict[str, Any]:
    right = figures["right"]
    row: dict[str, Any] = {"accuracy": wilson(sum(right), len(right))._asdict(), "seconds": figures["seconds"]}
    for length in sorted(set(lengths)):
        of_length = [value for value, operations in zip(right, lengths, strict=True) if operations == length]
        row[f"operations_{length}"] = wilson(sum(of_length), len(of_length))._asdict()
    if found := figures.get("harvest"):
        row |= {name: found[name] for name in ("asked", "kept", "rejected", "distinct", "entropy", "ever_solved")}
    return row


def _claim(claim: str, first: str, second: str, lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """The last rounds are compared, which nobody has chosen by their accuracy."""
    own, other = lines[first][-1], lines[OWN][0] if second == "start" else lines[second][-1]
    gain = paired_difference([own["right"]], [other["right"]])
    verdict = Above(claim, first, second, "whole").judge(gain)
    shares = [sum(figures["right"]) / len(figures["right"]) for figures in (own, other)]
    beside = "before the first round" if second == "start" else TITLES[second]
    points, low, high = (round(100 * bound) for bound in gain)
    count = len(lines[first]) - 1
    sentence = (
        f"After {count} round{'s' * (count > 1)} {shares[0]:.0%} of the longer problems are solved, {beside} "
        f"{shares[1]:.0%}: a difference of {points:+d} points (95% interval {low:+d} to {high:+d})."
    )
    return {"claim": claim, "verdict": verdict, "sentence": sentence}


def as_markdown(found: Mapping[str, Any]) -> str:
    """The curve as a table, for the terminal and the documents."""
    lengths = found["operations"]
    heads = [f"{length} operations" for length in lengths]
    lines = [f"| round | line | {' | '.join(heads)} | together | kept |", "|---|---|" + "---|" * (len(heads) + 2)]
    for number in range(len(found["lines"][OWN])):
        for name, line in found["lines"].items():
            if not number and name == CONTROL:
                continue  # both begin alike
            row = line[number]
            cells = [in_percent(row[f"operations_{length}"]) for length in lengths]
            cells += [in_percent(row["accuracy"]), f"{row['kept']} of {row['asked']}" if "kept" in row else "-"]
            title = "SRL then RLVR" if not number else TITLES[name]
            lines.append(f"| {number} | {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_longer_report(out: Path, found: Mapping[str, Any]) -> None:
    """Write `report.html` and `curve.png` into `out`."""
    curve = accuracy_curve(
        {TITLES[name]: [row["accuracy"] for row in line] for name, line in found["lines"].items()},
        "round",
        "longer problems solved, greedy, 95% intervals",
    )
    drawn = picture(curve)
    with appearing_file(out / "curve.png") as file:
        file.write(drawn.light)
    write_page(
        out / "report.html",
        "miniature/longer.html.j2",
        found=found,
        titles=TITLES,
        curve=drawn,
        share=in_percent,
    )
