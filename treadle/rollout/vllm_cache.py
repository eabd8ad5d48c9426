"""How much of the prompts a vLLM server found in its prefix cache.

The prompts of a generation go out trajectory by trajectory, so that each finds its beginning where the one before has
left it. A server says on `/metrics` how many prompt tokens it looked up and found. In TRL's colocated mode the engine
is made without statistics, and nothing is known.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from typing import NamedTuple

SECONDS = 5.0
_SAMPLE = re.compile(r"^vllm:prefix_cache_(queries|hits)(?:_total)?(?:\{[^}]*\})? ([0-9.eE+]+)", re.MULTILINE)


class CacheCounts(NamedTuple):
    """Prompt tokens since the server's start: looked up in the prefix cache, and found there."""

    queries: float
    hits: float


def read_counts(base_url: str) -> CacheCounts | None:
    """The counters of a vLLM server, summed over its engines; `None` if it does not give them."""
    try:
        with urllib.request.urlopen(f"{base_url.rstrip('/')}/metrics", timeout=SECONDS) as answer:
            text = answer.read().decode("utf-8", errors="replace")
    except (urllib.error.URLError, OSError):
        return None
    sums = {"queries": 0.0, "hits": 0.0}
    samples = _SAMPLE.findall(text)
    for name, value in samples:
        sums[name] += float(value)
    return CacheCounts(**sums) if {name for name, _ in samples} == set(sums) else None


def hit_rate(before: CacheCounts | None, after: CacheCounts | None) -> float | None:
    """Share of the prompt tokens between two readings that were found; `None` where that is not known."""
    if before is None or after is None or after.queries <= before.queries:
        return None
    return (after.hits - before.hits) / (after.queries - before.queries)
