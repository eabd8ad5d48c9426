"""The plots of a run's page as boxes in percent, drawn by the template with styles alone: they follow light and dark,
any width, and are there without JavaScript."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from treadle.data.prepare.distribution import Distribution
from treadle.evaluate.records import Sample
from treadle.evaluate.tokens import token_figures
from treadle.report.bars import bars, bin_names
from treadle.report.evaluation.tables import estimate, rows

BINS = 30

Arm = tuple[str, str, str]  # benchmark, mode, decoding


class Lengths:
    """Lengths and thought shares of all attempts, by benchmark, mode and decoding."""

    def __init__(self) -> None:
        self.seen: list[Sample] = []
        self._by_arm: dict[Arm, list[tuple[int, int, bool]]] = defaultdict(list)

    def add(self, sample: Sample) -> None:
        """Count an attempt. Its texts are not kept."""
        self.seen.append(lean(sample))
        arm = (sample.key.benchmark, sample.key.mode, sample.key.decoding)
        self._by_arm[arm].append((sample.n_tokens, sample.thought_tokens, sample.right))

    def histograms(self, arms: Iterable[Arm]) -> list[dict[str, Any]]:
        """A histogram of tokens for each arm, right attempts apart from the others; one scale for each mode."""
        scales: dict[str, Distribution] = defaultdict(Distribution)
        for (_, mode, _), seen in self._by_arm.items():
            for tokens, *_ in seen:
                scales[mode].add(tokens)
        edges = {mode: scale.histogram(BINS)["edges"] for mode, scale in scales.items()}
        return [self._histogram(arm, edges[arm[1]]) for arm in arms if arm in self._by_arm]

    def _histogram(self, arm: Arm, edges: Sequence[float]) -> dict[str, Any]:
        tokens_N, _, right_N = np.array(self._by_arm[arm]).T
        all_B, right_B = (np.histogram(tokens_N[chosen], edges)[0] for chosen in (right_N >= 0, right_N > 0))
        tallest = max(1, all_B.max())
        drawn = bars({"edges": edges, "counts": all_B.tolist()})
        return {
            "arm": arm,
            "median": float(np.median(tokens_N)),
            "count": len(tokens_N),
            "tallest": int(tallest),
            **{name: drawn[name] for name in ("ticks", "growing", "peak")},
            "bars": [
                {
                    "right": round(100 * r / tallest, 2),
                    "other": round(100 * (n - r) / tallest, 2),
                    "title": f"{name} tokens: {n:,} attempts, {r:,} of them right",
                }
                for n, r, name in zip(all_B, right_B, bin_names(edges), strict=True)
            ],
        }

    def thoughts(self, arms: Iterable[Arm]) -> list[dict[str, Any]]:
        """The share of tokens inside think blocks: pooled with its interval, quantiles, and attempts that have none."""
        figures, found = token_figures(self.seen), []
        for arm in arms:
            if arm not in self._by_arm:
                continue
            tokens_N, thought_N, _ = np.array(self._by_arm[arm], dtype=float).T
            shares_N = np.minimum(1, thought_N / np.maximum(tokens_N, 1))
            quantiles = np.quantile(shares_N, [0.05, 0.25, 0.5, 0.75, 0.95])
            found.append(
                {
                    "arm": arm,
                    "share": figures["/".join(arm)]["thought_share"],
                    "quantiles": [round(100 * float(q), 1) for q in quantiles],
                    "some": bool(thought_N.any()),
                    "without": int((thought_N == 0).sum()),
                    "count": len(shares_N),
                }
            )
        return found

    def ratios(self, base: Iterable[Sample]) -> list[tuple[str, dict[str, Any]]]:
        """Tokens against another run's, by benchmark, mode and decoding, where both have them."""
        figures = token_figures(self.seen, base)
        return [(name, f["against_base"]) for name, f in figures.items() if f["against_base"]["ratio"]]


def lean(sample: Sample) -> Sample:
    """`sample` without its texts, for figures over all attempts of a run."""
    return replace(sample, text="", steps=[], thoughts=[])


def accuracies(results: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Accuracy with its interval for each benchmark, mode and decoding, and the other run's beside it.

    Args:
        before: Results of the run that this one is looked at against, with only what can be compared.
    """
    earlier = {(name, mode, decoding): figures for name, mode, decoding, figures in rows(before or {})}
    found = []
    for name, mode, decoding, figures in rows(results):
        arm = (name, mode, decoding)
        now, then = estimate(figures.get("accuracy")), estimate(earlier.get(arm, {}).get("accuracy"))
        if "value" in now:
            found.append({"arm": arm, "now": _bar(now), "then": _bar(then) if "value" in then else None})
    return found


def _bar(found: Mapping[str, Any]) -> dict[str, Any]:
    low, high = found["low"] or 0, found["high"] if found["high"] is not None else 1
    return {
        "at": round(100 * found["value"], 2),
        "low": round(100 * low, 2),
        "width": round(100 * (high - low), 2),
        "text": found["text"],
        "interval": found["interval"],
    }
