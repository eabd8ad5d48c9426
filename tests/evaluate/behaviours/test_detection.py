"""The rules on sentences written for them, and on the labelled traces."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluate.behaviours import RULES, Behaviour, detect
from treadle.evaluate.behaviours.figures import MEASURED
from treadle.evaluate.behaviours.labels import Traces, agreement, read_labels

LABELS = Path(__file__).parents[3] / "benchmarks" / "labels" / "behaviours.jsonl"

SHOWS = [
    ("two steps ahead", "I need to count the apples and then subtract the rotten ones."),
    ("then the next", "First I need to find the width. Then I can multiply it by the length."),
    ("names the method", "We can use the formula for the volume of a cone."),
    ("rewrites the task", "Let me express the width in terms of the length."),
    ("list of steps", "To solve this we need to:\n1. Count the apples."),
    ("starts by", "Let's start by counting the apples."),
    ("wait, no", "The sum is 12. Wait, no, it is 13."),
    ("wait, actually", "Hmm, actually the train leaves later."),
    ("own mistake", "I misread the question."),
    ("an easier way", "But maybe it's easier to count the empty seats."),
    ("before going on", "But before jumping into algebra, look at small cases."),
    ("another attempt", "I will try a different command."),
    ("repairs its own work", "We need to fix the import in our test script."),
    ("checks again", "Let me double-check the sum."),
    ("no mistake made", "Let me make sure I didn't skip a step."),
    ("tests own work", "Let's run the script again to see if the issue is fixed."),
    ("reports that it works", "The script now runs correctly."),
    ("same by another way", "Adding from the right gives the same answer."),
]
SHOWS_NOTHING = [
    "There are 12 apples in each basket.",
    "Let me open the file.",
    "Wait, no, the problem says that it rained.",
    "What if I misread the question?",
    "Let me make sure I understand the problem.",
    "Let's run the script to reproduce the error.",
    "The script does not work correctly.",
]


@pytest.mark.parametrize(("rule", "trace"), SHOWS, ids=[rule for rule, _ in SHOWS])
def test_each_rule_finds_what_it_is_for(rule, trace):
    assert rule in {d.rule for d in detect(trace)}


def test_there_is_an_example_of_every_rule():
    assert [rule.name for rule in RULES] == [name for name, _ in SHOWS]


@pytest.mark.parametrize("trace", SHOWS_NOTHING)
def test_what_shows_nothing(trace):
    assert detect(trace) == []


def test_a_detection_says_where_and_why():
    trace = "The sum is 12. Wait, no, it is 13. Fine."
    (found,) = detect(trace)
    assert found.behaviour is Behaviour.ADJUSTMENT
    assert trace[found.start : found.end] == "Wait, no, it is 13."
    assert found.cue == "Wait, no"
    assert found.position == (15 + 34) / 2 / len(trace)


def test_a_plan_comes_early():
    """The same sentence is a plan in the beginning of a long trace and none at its end."""
    plan, work = "I need to count the apples and then subtract the rotten ones.", "There are 12.\n" * 40
    assert [d.behaviour for d in detect(plan + "\n" + work)] == [Behaviour.PLANNING]
    assert detect(work + plan) == []


def test_one_detection_of_a_behaviour_for_each_sentence():
    found = detect("Let me double-check to make sure I didn't skip a step.")
    assert [(d.behaviour, d.rule) for d in found] == [(Behaviour.VERIFICATION, "checks again")]


SEARCHED_EVERYWHERE = [replace(rule, words=("",)) for rule in RULES]
"""The rules with a word that every sentence has."""


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
@given(drawn=st.data())
def test_what_a_cue_finds_has_one_of_its_words(rule, drawn):
    """Words only spare searches: the cue's own language, letters without regard to case among it, is theirs."""
    trace = drawn.draw(st.from_regex(rule.cue))
    everywhere = [replace(rule, words=("",))]
    assert detect(trace, [rule]) == detect(trace, everywhere)


def test_words_change_nothing_on_real_traces(data):
    traces = (data / "math" / "deepseek_r1_gsm8k.jsonl").read_text(encoding="utf-8").splitlines()[:40]
    for line in traces:
        trace = "\n".join(str(value) for value in json.loads(line).values())
        assert detect(trace) == detect(trace, SEARCHED_EVERYWHERE) != []


def test_nothing_in_nothing():
    assert detect("") == []


@given(st.lists(st.sampled_from([trace for _, trace in SHOWS] + SHOWS_NOTHING), max_size=8))
def test_detections_lie_in_the_trace_in_order(parts):
    trace = "\n".join(parts)
    found = detect(trace)
    assert [d.start for d in found] == sorted(d.start for d in found)
    for d in found:
        assert d.cue in trace[d.start : d.end]
        assert 0 < d.position < 1


@pytest.mark.parametrize("piece", ["let me ", "wait, ", "check ", "my script ", "maybe easier ", "first then ", '."'])
def test_endless_lines_take_no_time(piece):
    started = time.perf_counter()
    detect(piece * 30_000)
    assert time.perf_counter() - started < 5


def test_reports_quote_what_the_labels_give(data):
    """The figures beside every report are those of the test half, counted again here."""
    labels = [label for label in read_labels(LABELS) if label.half == "test"]
    counted = agreement(labels, Traces(data))
    for behaviour, counts in counted.items():
        assert counts.traces == 93
        assert MEASURED[behaviour]["precision"] == (counts.both, counts.both + counts.only_detected)
        assert MEASURED[behaviour]["recall"] == (counts.both, counts.both + counts.only_labelled)
