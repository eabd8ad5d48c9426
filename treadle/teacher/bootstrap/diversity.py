"""How much a student still explores, by round: it tends to write ever the same, and solves no new problems.

distinct        share of the right samples that are unlike the other right ones of their problem, thoughts included
entropy         Shannon's entropy, in bits, of the runs of four words in right samples
ever solved     share of the problems of which some sample of this round or an earlier one was right, without help

Entropy grows with the number of texts, so that at most a fixed number of each round is looked at, evenly over it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from treadle.data.curate.words import run_hashes, word_hashes

RUN = 4
COMPARED = 200
"""Right samples of a round whose entropy is taken."""


def distinct_share(texts: Iterable[tuple[str, str]]) -> float | None:
    """The share of texts that are not the same, white space aside, as an earlier one of their problem.

    Args:
        texts: Problem and text of each right sample.

    Returns:
        `None` for no texts.
    """
    seen: defaultdict[str, set[str]] = defaultdict(set)
    count = 0
    for problem, text in texts:
        seen[problem].add(" ".join(text.split()))
        count += 1
    return sum(map(len, seen.values())) / count if count else None


def run_entropy(texts: Sequence[str], compared: int = COMPARED) -> float | None:
    """Entropy in bits of the runs of four words, over at most `compared` of the texts, evenly chosen.

    Returns:
        `None` where no text has four words.
    """
    if len(texts) > compared:
        texts = [texts[int(place * len(texts) / compared)] for place in range(compared)]
    runs = [run_hashes(word_hashes(text), RUN) for text in texts]
    if not sum(map(len, runs)):
        return None
    _, counts = np.unique(np.concatenate(runs), return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0  # never -0.0
