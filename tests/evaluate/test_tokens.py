"""Token use, lengths and thought share, against hand-worked figures."""

import json

import numpy as np
import pytest

from treadle.evaluate.records import Key, Sample, Stop
from treadle.evaluate.tokens import length_distribution, thought_share, token_figures, token_ratio


def sample(problem, n_tokens, thought_tokens=0, index=0, benchmark="amc23", mode="whole", decoding="sampled", **rest):
    key = Key(benchmark, problem, mode, decoding, index)
    return Sample(key, "1", n_tokens=n_tokens, thought_tokens=thought_tokens, **rest)


def test_the_ratio_is_of_means_over_problems_that_both_have():
    """Problem a: mean 150 against 100; b: 50 against 100. Ratio (150 + 50) / (100 + 100) = 1."""
    run = [sample("a", 100), sample("a", 200, index=1), sample("b", 50), sample("c", 9999)]
    base = [sample("a", 100), sample("b", 90), sample("b", 110, index=1), sample("d", 1), sample("e", 1)]
    found = token_ratio(run, base)
    assert found["ratio"]["value"] == 1
    assert (found["tokens"], found["base_tokens"]) == (100, 100)
    assert (found["problems"], found["only_here"], found["only_base"]) == (2, 1, 2)


def test_problems_of_other_benchmarks_with_the_same_id_are_others():
    found = token_ratio([sample("1", 10)], [sample("1", 10, benchmark="aime24")])
    assert found["problems"] == 0
    assert found["ratio"] is None


def test_the_interval_is_paired():
    """Lengths spread over a factor of a hundred, each 1.2 times the base's: no doubt about the ratio."""
    lengths = np.random.default_rng(0).integers(10, 1000, 40) * 10
    found = token_ratio(
        [sample(str(i), int(n) * 12 // 10) for i, n in enumerate(lengths)],
        [sample(str(i), int(n)) for i, n in enumerate(lengths)],
    )
    assert found["ratio"]["low"] == pytest.approx(1.2)
    assert found["ratio"]["high"] == pytest.approx(1.2)


def test_a_base_that_wrote_nothing_gives_no_ratio():
    assert token_ratio([sample("a", 10)], [sample("a", 0)])["ratio"] is None


def test_thought_share_is_of_tokens_not_of_samples():
    """(90 + 0) / (100 + 200) = 0.3."""
    assert thought_share([sample("a", 100, 90), sample("b", 200, 0)])["value"] == pytest.approx(0.3)
    assert thought_share([sample("a", 0)]) is None
    assert thought_share([]) is None


def test_lengths():
    found = length_distribution(
        [sample(str(i), n) for i, n in enumerate([0, 1, 2, 3, 4, 7, 8])] + [sample("x", 8, stop=Stop.TRUNCATED)]
    )
    assert found["samples"] == 8
    assert found["truncated"] == 1
    assert found["mean"] == 33 / 8
    assert found["quantiles"]["0.5"] == 3.5
    assert found["quantiles"]["0.0"] == 0
    assert found["quantiles"]["1.0"] == 8
    assert found["histogram"] == {"edges": [0, 1, 2, 4, 8, 16], "counts": [1, 1, 2, 2, 2]}


def test_every_length_is_counted_once():
    lengths = np.random.default_rng(4).integers(0, 5000, 200).tolist()
    found = length_distribution([sample(str(i), n) for i, n in enumerate(lengths)])["histogram"]
    assert found["counts"] == np.histogram(lengths, found["edges"])[0].tolist()
    assert sum(found["counts"]) == 200


def test_figures_by_benchmark_mode_and_decoding():
    run = [sample("a", 10, 5), sample("a", 30, mode="loop"), sample("b", 10, benchmark="aime24")]
    found = token_figures(run, [sample("a", 20)])
    assert list(found) == ["amc23/whole/sampled", "amc23/loop/sampled", "aime24/whole/sampled"]
    assert found["amc23/whole/sampled"]["against_base"]["ratio"]["value"] == 0.5
    assert found["amc23/loop/sampled"]["against_base"]["ratio"] is None
    assert "against_base" not in token_figures(run)["amc23/whole/sampled"]
    assert json.loads(json.dumps(found)) == found


def test_no_samples():
    assert token_figures([]) == {}
    assert length_distribution([])["quantiles"] == {}
