"""How many tokens a model uses: against another model over the same problems, how they are spread, and on what.

Lengths are those of everything generated, with end marks, as `Sample.n_tokens` has them. A sample that the token limit
cut off counts with the length at which it was cut; how many there are stands beside every figure. Two models with
different tokenizers count in different units, which no ratio shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from treadle.evaluate.records import Sample, Stop
from treadle.statistics.clustered import COUNTS, SHARES, Figure, grouped_ratio

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
Problem = tuple[str, str]  # benchmark and id: ids are unique within a benchmark only


def token_ratio(samples: Iterable[Sample], base: Iterable[Sample]) -> dict[str, Any]:
    """Mean tokens of a run over mean tokens of the base model, over the problems that both have.

    A problem's samples are averaged first, so that runs with different numbers of samples compare.

    Returns:
        `ratio`, a `Figure` whose interval is a paired bootstrap over problems; `problems` in both; `only_here` and
        `only_base`, problems that one of them lacks and that are left out; `tokens` and `base_tokens`, the two means.
        `ratio` and the means are `None` where there is no problem in common or the base model wrote nothing.
    """
    here, there = _means(samples), _means(base)
    common = [problem for problem in here if problem in there]
    result: dict[str, Any] = {
        "ratio": None,
        "tokens": None,
        "base_tokens": None,
        "problems": len(common),
        "only_here": len(here) - len(common),
        "only_base": len(there) - len(common),
    }
    above, below = [here[p] for p in common], [there[p] for p in common]
    if common and sum(below) > 0:
        result |= {
            "ratio": grouped_ratio(above, below, common, within=COUNTS),
            "tokens": float(np.mean(above)),
            "base_tokens": float(np.mean(below)),
        }
    return result


def thought_share(samples: Iterable[Sample]) -> Figure | None:
    """Tokens in think blocks over all tokens, with an interval over problems; `None` where nothing was generated."""
    kept = list(samples)
    if sum(sample.n_tokens for sample in kept) == 0:
        return None
    return grouped_ratio(
        [sample.thought_tokens for sample in kept],
        [sample.n_tokens for sample in kept],
        [_problem(sample) for sample in kept],
        within=SHARES,
    )


def length_distribution(samples: Iterable[Sample]) -> dict[str, Any]:
    """How the lengths of samples are spread.

    Returns:
        `samples`; `truncated`, those that the limit cut off; `mean`; `quantiles`, from name (`"0.5"`) to tokens; and
        `histogram`: `edges`, powers of two so that runs share them, and `counts`, one fewer, where a length L is
        counted between the edges with `low <= L < high`.
    """
    kept = list(samples)
    lengths_N = np.array([sample.n_tokens for sample in kept], dtype=int)
    result: dict[str, Any] = {
        "samples": len(kept),
        "truncated": sum(sample.stop is Stop.TRUNCATED for sample in kept),
        "mean": None,
        "quantiles": {},
        "histogram": {"edges": [], "counts": []},
    }
    if len(kept):
        # Length 0 (a model that emits nothing) has its own place before 1.
        edges = [0, *(2**power for power in range(int(lengths_N.max()).bit_length() + 1))]
        counts = np.bincount(np.digitize(lengths_N, edges) - 1, minlength=len(edges) - 1)
        result |= {
            "mean": float(lengths_N.mean()),
            "quantiles": {str(q): float(v) for q, v in zip(QUANTILES, np.quantile(lengths_N, QUANTILES), strict=True)},
            "histogram": {"edges": edges, "counts": counts.tolist()},
        }
    return result


def token_figures(samples: Iterable[Sample], base: Iterable[Sample] | None = None) -> dict[str, dict[str, Any]]:
    """All figures of this module for each benchmark, mode and decoding of a run.

    Args:
        samples: Of the run.
        base: Of the base model's run, if there is one; it is compared where it has the same benchmark, mode and
            decoding.

    Returns:
        From `"benchmark/mode/decoding"` to `lengths`, `thought_share` and, with a base, `against_base`.
    """
    groups, base_groups = by_group(samples), by_group(base or ())
    figures = {}
    for name, members in groups.items():
        figures[name] = {"lengths": length_distribution(members), "thought_share": thought_share(members)}
        if base is not None:
            figures[name]["against_base"] = token_ratio(members, base_groups.get(name, ()))
    return figures


def by_group(samples: Iterable[Sample]) -> dict[str, Sequence[Sample]]:
    """Samples by `"benchmark/mode/decoding"`, in order of appearance."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups["/".join((sample.key.benchmark, sample.key.mode, sample.key.decoding))].append(sample)
    return dict(groups)


def _problem(sample: Sample) -> Problem:
    return sample.key.benchmark, sample.key.problem


def _means(samples: Iterable[Sample]) -> dict[Problem, float]:
    lengths: dict[Problem, list[int]] = defaultdict(list)
    for sample in samples:
        lengths[_problem(sample)].append(sample.n_tokens)
    return {problem: sum(tokens) / len(tokens) for problem, tokens in lengths.items()}
