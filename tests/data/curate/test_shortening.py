"""Shortened observations: the budget, the two ends, and the number in the line, by real tokenizers."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from treadle.data.curate.shortening import check_budget, shorten, shorten_observations
from treadle.errors import DataError
from treadle.recipe.models import load_tokenizer
from treadle.trajectory import Step, Trajectory

MARKER = re.compile(r"\n\[\.\.\. (about )?([\d,]+) tokens left out \.\.\.\]\n")
PIECES = [
    "def f(x):\n",
    "    return x + 1\n",
    "\n",
    "   ",
    "é",
    "中文",
    "\U0001f600",
    "\u0301",
    "a",
    "\x00",
    "\r\n",
    "left out",
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE as large models have it, with a few hundred merges; a rare character is several tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bpe.train_from_iterator([check_budget.__doc__, shorten.__doc__, "tokens left out about " * 5], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe)


def count(text: str, tokenizer: PreTrainedTokenizerFast) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def begun(text: str, head: str, gap: str, tokenizer) -> int:
    """How many of the text's tokens begin in the gap, by the library's own offsets."""
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
    return sum(len(head) <= begin < len(head) + len(gap) for begin, _ in offsets)


def parts(short: str, text: str) -> tuple[str, str, str, re.Match[str]]:
    """Head, what was left out, tail, and the line between, of a text that holds no such line itself."""
    (line,) = MARKER.finditer(short)
    head, tail = short[: line.start()], short[line.end() :]
    assert text.startswith(head)
    assert text.endswith(tail)
    return head, text[len(head) : len(text) - len(tail)], tail, line


@given(st.lists(st.sampled_from(PIECES), max_size=400), st.integers(1, 8), st.integers(50, 300))
def test_the_budget_holds_and_the_ends_stay(tokenizer, pieces, repeats, budget):
    text = "".join(pieces) * repeats
    short, removed = shorten(text, budget, tokenizer)
    if count(text, tokenizer) <= budget:
        assert (short, removed) == (text, 0)
        return
    assert count(short, tokenizer) <= budget
    head, gap, _, line = parts(short, text)
    assert removed == int(line[2].replace(",", ""))
    true = begun(text, head, gap, tokenizer)
    assert removed == (pytest.approx(true, rel=0.5) if line[1] else true)
    assert line[1] is None or len(text) > 16 * budget
    assert shorten(short, budget, tokenizer) == (short, 0)


def test_lines_stay_whole_and_both_halves_are_alike(tokenizer):
    text = "".join(f"line {i} of the output\n" for i in range(5000))
    head, gap, tail, _ = parts(shorten(text, 400, tokenizer)[0], text)
    assert re.fullmatch(r"(line \d+ of the output\n)*line \d+ of the output", head)
    assert re.fullmatch(r"(line \d+ of the output\n)+", tail)
    assert gap.startswith("\n")
    assert 150 < count(head, tokenizer) < 200
    assert 150 < count(tail, tokenizer) < 200


def test_characters_are_never_cut(tokenizer):
    text = "\U0001f600" * 3000  # four tokens each
    head, gap, tail, _ = parts(shorten(text, 101, tokenizer)[0], text)
    assert set(head + gap + tail) == {"\U0001f600"}
    assert count("\U0001f600", tokenizer) == 4


def test_lone_surrogates_stay(tokenizer):
    text = "a\ud800b" * 1000
    short, removed = shorten(text, 100, tokenizer)
    assert removed > 0
    parts(short, text)
    assert shorten("\ud800", 100, tokenizer) == ("\ud800", 0)


@pytest.mark.parametrize("text", ["x = 1\n" * 200_000, " " * 1_200_000, "中" * 400_000, "\x00" * 1_200_000])
def test_megabytes_are_quick_and_their_number_is_an_estimate(tokenizer, text):
    began = time.perf_counter()
    short, removed = shorten(text, 1000, tokenizer)
    shortened = time.perf_counter()
    assert count(short, tokenizer) <= 1000
    _, gap, _, line = parts(short, text)
    assert line[1] == "about "
    assert removed == int(line[2].replace(",", ""))
    counting = time.perf_counter()
    assert removed == pytest.approx(count(gap, tokenizer), rel=0.05)
    assert shortened - began < time.perf_counter() - counting


def test_a_budget_without_room_for_the_line_is_refused(tokenizer):
    with pytest.raises(DataError, match=r"--observation-tokens 10: expected at least (\d+), because") as caught:
        shorten("word " * 100, 10, tokenizer)
    least = int(re.search(r"at least (\d+)", str(caught.value))[1])
    check_budget(least, tokenizer)
    with pytest.raises(DataError):
        check_budget(least - 1, tokenizer)
    assert count(shorten("word " * 1000, least, tokenizer)[0], tokenizer) <= least


def test_observations_of_a_trajectory(tokenizer):
    steps = (Step("a", observation="out\n" * 2000), Step("b"), Step("c", thought="t", observation="short"))
    trajectory = Trajectory("t", "p", steps, domain="agent")
    short, shortened = shorten_observations(trajectory, 200, tokenizer)
    assert shortened == 1
    assert short.steps[1:] == steps[1:]
    assert short.steps[0] == Step("a", observation=shorten("out\n" * 2000, 200, tokenizer)[0])
    assert shorten_observations(trajectory, 100_000, tokenizer) == (trajectory, 0)


def test_the_shipped_tokenizer_shortens_too():
    tokenizer = load_tokenizer("miniature")
    text = "\n".join(f"next {i}*{i}={i * i}" for i in range(1000))
    short, _ = shorten(text, 200, tokenizer)
    parts(short, text)
    assert count(short, tokenizer) <= 200


def test_real_observations_by_qwens_tokenizer(data):
    import json

    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizer" / "qwen2.5")
    rows = [json.loads(line) for line in (data / "trajectories" / "swe_smith_messages.jsonl").open()]
    texts = [m["content"] for row in rows for m in row["messages"] if m["role"] == "user"]
    shortened = 0
    for text in texts:
        short, removed = shorten(text, 300, tokenizer)
        shortened += removed > 0
        assert count(short, tokenizer) <= 300
        assert (removed == 0) == (count(text, tokenizer) <= 300)
        if removed:
            head, gap, _, line = parts(short, text)
            assert removed == int(line[2].replace(",", ""))
            true = begun(text, head, gap, tokenizer)
            assert removed == (pytest.approx(true, rel=0.3) if line[1] else true)
    assert 10 < shortened < len(texts)
