"""One advice for whatever is measured, and a pass rate that rises never makes it worse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from treadle.check.advice import STAGES, advise
from treadle.check.measured import Answers, Demonstrations, Measured, Steps
from treadle.check.state import MASTERED, SIGNAL, Signal, State, above, signal
from treadle.statistics.estimates import Estimate

G = 8
SHARES = st.floats(0, 1)


@st.composite
def answers(draw):
    right = draw(st.lists(st.integers(0, G), min_size=1, max_size=40))
    return Answers(tuple(right), G, draw(st.sampled_from([0, len(right) * G // 2, len(right) * G])), 64)


@st.composite
def steps(draw):
    broken = draw(st.lists(st.integers(0, G), min_size=1, max_size=40))
    low, value, high = sorted(draw(st.tuples(SHARES, SHARES, SHARES)))
    similarity = draw(st.sampled_from([None, Estimate(value, low, high)]))
    cut = draw(st.integers(0, sum(broken)))
    fault = draw(st.sampled_from(["truncated", "no_think_block"])) if sum(broken) else ""
    floor = draw(st.none() | SHARES)
    return Steps(tuple(broken), G, draw(st.integers(0, len(broken))), cut, 64, fault, similarity, floor)


DEMONSTRATIONS = st.builds(
    Demonstrations,
    count=st.integers(1, 10**6),
    several_steps=SHARES,
    characters=st.floats(1, 1e6),
    agents=st.booleans(),
    thoughts=SHARES,
    surprise=st.none() | st.floats(0, 20),
    own_surprise=st.none() | st.floats(0, 20),
)


@st.composite
def everything(draw):
    one, other = draw(st.none() | answers()), draw(st.none() | steps())
    assume(one or other)
    return Measured(one, other, draw(DEMONSTRATIONS))


@settings(max_examples=300)
@given(everything())
def test_whatever_is_measured_has_one_advice_with_figures(measured):
    advice = advise(measured)
    assert advice == advise(measured)
    assert set(advice.stages) <= set(STAGES[advice.state])
    assert "rlvr" not in advice.stages or measured.answers
    assert not {"srl", "warmup"} & set(advice.stages) or measured.steps
    assert any(sign.isdigit() for sign in advice.text)
    assert not advice.text.endswith(".")
    assert "None" not in advice.text


@settings(max_examples=300)
@given(everything(), st.data())
def test_a_rising_pass_rate_never_takes_the_signal_away(measured, data):
    assume(measured.answers and signal(measured.answers) is not Signal.NONE)
    right = tuple(data.draw(st.integers(count, G)) for count in measured.answers.right)
    higher = replace(measured, answers=replace(measured.answers, right=right))
    assert signal(higher.answers) is not Signal.NONE
    assert "RLVR has no signal" not in advise(higher).text
    if advise(measured).state is State.RLVR_SIGNAL:
        assert advise(higher).state in (State.RLVR_SIGNAL, State.TOO_EASY, *_WHERE_UNSURE)


_WHERE_UNSURE = (State.TOO_FEW, State.CUT_OFF, State.OWN_STYLE, State.FORMAT, State.MASTERED, State.NO_SPREAD)
_WHERE_UNSURE += (State.FLOOR, State.FLOOR_MANY_SHORT)
"""Where mixed groups become fewer than can be told apart from too few, what is said of steps decides."""


def test_shares_of_few_groups_are_neither_above_nor_below():
    # 0 of 12 is the first of none that Wilson's interval holds below a quarter: z^2 / (n + z^2) = 0.2425.
    assert above(0, 11, SIGNAL) is None
    assert above(0, 12, SIGNAL) is False
    assert above(2, 4, SIGNAL) is None
    assert above(3, 4, SIGNAL) is True


FINE = Steps((0,) * 12, G, 12, similarity=Estimate(0.6, 0.5, 0.7), floor=0.4)
WRONG, FEW = Answers((0,) * 12, G), Demonstrations(500, 1.0, 2_000.0)


@pytest.mark.parametrize(
    ("answers", "steps", "experts", "state", "said"),
    [
        (Answers((3,) * 12, G), FINE, FEW, State.RLVR_SIGNAL, "36 of 96 whole solutions are right"),
        (Answers((3,) * 12, G), replace(FINE, broken=(8,) * 12), FEW, State.RLVR_SIGNAL, "a warm-up would have to"),
        (Answers((8,) * 12, G), FINE, FEW, State.TOO_EASY, "only 0 of 12 groups"),
        (Answers((8,) * 6 + (0,) * 6, G), FINE, FEW, State.TOO_EASY, "--band hard for SRL"),
        (WRONG, None, FEW, State.NO_STEPS, "treadle teach solve"),
        (WRONG, replace(FINE, cut=60, limit=64), FEW, State.CUT_OFF, "60 of 96 steps were cut off at the check's 64"),
        (WRONG, replace(FINE, cut=60, limit=64, seconds=240), FEW, State.CUT_OFF, "Give --tokens 128 --seconds 240"),
        (WRONG, FINE, replace(FEW, thoughts=1.0, surprise=0.03, own_surprise=0.1), State.OWN_STYLE, "0.03 and 0.10"),
        (
            WRONG,
            replace(FINE, broken=(8,) * 12),
            replace(FEW, thoughts=1.0, surprise=4, own_surprise=4),
            State.FORMAT,
            "",
        ),
        (WRONG, FINE, replace(FEW, thoughts=1.0, surprise=12.3, own_surprise=0.1), State.SRL_FIRST, "SRL, then RLVR"),
        (WRONG, replace(FINE, broken=(5,) * 12, fault="no_think_block"), FEW, State.FORMAT, "think_tags: optional"),
        (WRONG, replace(FINE, broken=(8,) * 12, kept=0), FEW, State.FORMAT, "SFT on traces comes first"),
        (WRONG, replace(FINE, similarity=Estimate(1, MASTERED, 1)), FEW, State.MASTERED, "go on with SRL"),
        (None, replace(FINE, similarity=Estimate(1, MASTERED, 1)), FEW, State.MASTERED, "take harder problems"),
        (WRONG, replace(FINE, kept=0), FEW, State.NOTHING_TO_COMPARE, "0 of 12 groups (95% interval 0% to 24%)"),
        (None, replace(FINE, kept=0), FEW, State.NO_SPREAD, "SFT on steps"),
        (WRONG, replace(FINE, floor=0.8), FEW, State.FLOOR, "reward: margin"),
        (WRONG, replace(FINE, floor=0.8), Demonstrations(1_700, 1.0, 285.0), State.FLOOR_MANY_SHORT, "1,700 demonstra"),
        (None, FINE, replace(FEW, agents=True), State.AGENTS, "on their calls"),
        (None, FINE, FEW, State.NO_ANSWERS, "--columns problem="),
        (WRONG, FINE, FEW, State.SRL_FIRST, "0 of 96 whole solutions are right (95% interval 0% to 24%)"),
        # ((1.96 + 0.84) x 0.2 / 4 x sqrt(12) / 0.05)^2 = 94.2
        (WRONG, replace(FINE, floor=0.55), FEW, State.SRL_FIRST, "may be at its floor or not; about 95 groups"),
    ],
)
def test_each_state_names_what_decided(answers, steps, experts, state, said):
    advice = advise(Measured(answers, steps, experts))
    assert advice.state is state
    assert said in advice.text


def test_what_a_sampling_floor_drops_still_differs():
    """A model at the floor is at the floor, whether or not the stage drops its groups for that."""
    poor = replace(FINE, kept=0, poor=12, floor=0.8)
    advice = advise(Measured(WRONG, poor, FEW))
    assert advice.state is advise(Measured(WRONG, replace(FINE, floor=0.8), FEW)).state is State.FLOOR
    few = advise(Measured(WRONG, replace(FINE, kept=2, poor=10), FEW))
    assert few.state is State.SRL_FIRST
    assert "12 of 12 groups (95% interval 76% to 100%), 10 of them below sampling_floor" in few.text


def test_no_sentence_contradicts_its_figures():
    some = Answers((1, 1) + (0,) * 10, G, cut=90, limit=64)
    assert "none right" not in advise(Measured(some, FINE, FEW)).text, "two are"
    half = advise(Measured(Answers((8,) * 6 + (0,) * 6, G), FINE, FEW)).text
    assert half.startswith("Little to learn for RLVR: 48 of 96 whole solutions"), "SRL has half of them to learn"
    unmeasured = advise(Measured(WRONG, replace(FINE, similarity=None), FEW)).text
    assert "12 of 12 groups (95% interval 76% to 100%), similarity not measured: SRL" in unmeasured


def test_a_small_sample_says_how_large_a_one_would_do():
    few = replace(FINE, broken=(0,) * 4, kept=4)
    advice = advise(Measured(Answers((0,) * 4, G), few, FEW))
    assert advice.state is State.TOO_FEW
    assert advice.stages == ()
    # 12 groups of 8 rollouts of each of two kinds.
    assert "0 of 4 groups (95% interval 0% to 49%) have a right rollout" in advice.text
    assert "about 12 groups would tell if it stayed so (--sample 192)" in advice.text
    assert "SRL, then RLVR is the order that serves" in advice.text
    cut = advise(Measured(Answers((0,) * 12, G, cut=90, limit=64), FINE, FEW))
    assert cut.state is State.TOO_FEW
    assert "90 of 96 whole solutions were cut off at the check's 64 tokens" in cut.text
    all_right = advise(Measured(Answers((8,) * 4, G), few, FEW))
    assert all_right.state is State.TOO_FEW
    assert "right and wrong rollouts" in all_right.text
    assert "the order that serves" not in all_right.text


def test_one_of_the_two_kinds_must_be_there():
    with pytest.raises(ValueError, match="neither whole solutions nor steps were sampled"):
        Measured(None, None, FEW)
