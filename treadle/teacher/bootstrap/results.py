"""The figures of all rounds: accuracy with its interval, what was kept, how diverse it was, and why it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from treadle.statistics.estimates import Estimate, in_percent, wilson
from treadle.statistics.intervals import paired_difference
from treadle.teacher.bootstrap.schema import Bootstrap, BootstrapRecipe
from treadle.teacher.bootstrap.sets import Sets

RESULTS = "results.json"
Done = Sequence[Mapping[str, Any]]
"""The content of round.json of the start and of each round."""


def over(done: Done, rounds: Bootstrap) -> str:
    """Why there is no further round; empty where there is one."""
    since = len(done) - 1 - best_of(done)
    if since >= rounds.patience:
        return f"held-out accuracy did not rise in {since} round{'s' * (since > 1)}"
    return "all rounds are done" if len(done) > rounds.rounds else ""


def best_of(done: Done) -> int:
    """The round of the highest held-out accuracy, the first of equal ones; 0 is the start."""
    accuracies = [sum(figures["right"]) for figures in done]
    return accuracies.index(max(accuracies))


def accuracy(figures: Mapping[str, Any]) -> Estimate:
    """Of a round, greedy, with Wilson's 95% interval."""
    return wilson(sum(figures["right"]), len(figures["right"]))


def summary(recipe: BootstrapRecipe, sets: Sets, done: Done, why: str) -> dict[str, Any]:
    """The content of results.json."""
    best = best_of(done)
    gain = paired_difference([done[best]["right"]], [done[0]["right"]])
    problems = len(sets.problems.problems)
    return {
        "student": recipe.training.model,
        "problems": {"name": sets.problems.name, "source": sets.problems.source, "count": problems},
        "held_out": {
            "name": sets.held_out.name,
            "source": sets.held_out.source,
            "count": len(sets.held_out.problems),
        },
        "samples": recipe.rounds.samples,
        "rounds": [_row(number, figures, problems) for number, figures in enumerate(done)],
        "best": {"round": best, "model": done[best]["model"]},
        "gain": gain._asdict(),
        "sentence": _sentence(done, best, gain),
        "ended": why,
    }


def _row(number: int, figures: Mapping[str, Any], problems: int) -> dict[str, Any]:
    row = {
        "round": number,
        "accuracy": accuracy(figures)._asdict(),
        "model": figures["model"],
        "seconds": figures["seconds"],
    }
    if found := figures.get("harvest"):
        right = wilson(found["right"], found["samples"]) if found["samples"] else None
        row |= {name: found[name] for name in ("asked", "kept", "rejected", "failed", "helped", "tokens")}
        row |= {
            "trained_on": figures["trained_on"],
            "right_samples": right and right._asdict(),
            "distinct": found["distinct"],
            "entropy": found["entropy"],
            "solved": wilson(len(found["solved"]), problems)._asdict(),
            "ever_solved": wilson(found["ever_solved"], problems)._asdict(),
        }
    return row


def _sentence(done: Done, best: int, gain: Estimate) -> str:
    start = f"Before the first round the student solves {accuracy(done[0]).value:.0%} of the held-out problems"
    if not best:
        return f"{start}, and no round solves more."
    points, low, high = (round(100 * bound) for bound in gain)
    verdict = "more" if gain.low > 0 else "not surely more"
    chosen = "" if len(done) == 2 else f"; the best of {len(done) - 1} rounds was chosen by the same problems"
    return (
        f"{start}, after round {best} {accuracy(done[best]).value:.0%}: {verdict}, a difference of {points:+d} points "
        f"(95% interval {low:+d} to {high:+d}{chosen})."
    )


def as_markdown(results: Mapping[str, Any]) -> str:
    """The results for people."""
    lines = [
        f"# {results['student']}, bootstrapped on {results['problems']['source']}",
        "",
        f"{results['problems']['count']} problems, {results['samples']} samples of each a round; tested on "
        f"{results['held_out']['count']} held-out problems of {results['held_out']['source']}, greedily.",
        "",
        "| round | held-out accuracy | right samples | kept | trained on | distinct | entropy (bits) | ever solved |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results["rounds"]:
        cells = [str(row["round"]), in_percent(row["accuracy"])]
        if "kept" in row:
            own = row["trained_on"]
            cells += [
                in_percent(row["right_samples"]),
                f"{row['kept']} of {row['asked']}",
                f"{own['own']} own" + (f", {own['expert']} expert" if own["expert"] else ""),
                "-" if row["distinct"] is None else f"{row['distinct']:.0%}",
                "-" if row["entropy"] is None else f"{row['entropy']:.2f}",
                in_percent(row["ever_solved"]),
            ]
        else:
            cells += ["-"] * 6
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", results["sentence"], f"It ended because {results['ended']}."]
    lines += ["", f"The model of the best round: {results['best']['model']}", ""]
    for row in results["rounds"]:
        for name in ("rejected", "failed"):
            if row.get(name):
                counts = ", ".join(f"{count} {reason}" for reason, count in row[name].items())
                lines.append(f"Round {row['round']}, {name}: {counts}.")
    return "\n".join(lines) + "\n"
