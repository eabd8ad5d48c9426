"""Floors against hand-worked values and plain double loops."""

from __future__ import annotations

import random
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.scoring.floors import (
    ENOUGH,
    PRIOR,
    TITLES,
    Place,
    choose_constants,
    example_floor,
    first_line,
    highest,
    last_sentence,
    measure_floors,
)


def ratio(action: str, expert: str) -> float:
    return SequenceMatcher(None, action, expert, False).ratio()


def place(trajectory, step, action, before=None, problem="Some problem.", **more):
    return Place(str(trajectory), step, action, problem, before, **more)


def by_name(floors):
    return {floor["name"]: floor for floor in floors}


def test_hand_worked_values():
    """Two letters each: 1 for equal ones, 0.5 for one in common, 0 for none."""
    constants = choose_constants([place("a", 1, "xy"), place("b", 1, "xx"), place("c", 1, "yy")])
    assert constants.overall == "xy", "0.5 with each other, which earn 0.25"
    # xy-xx, xy-yy and back 0.5 each, xx-yy and back 0
    assert constants.another["value"] == pytest.approx(2 / 6)
    problem = "xx\nHow many? Say y"
    floors = by_name(
        measure_floors(constants, [place("d", 1, "xy", problem=problem), place("d", 2, "yy", "xx", problem=problem)])
    )
    assert list(floors) == [name for name in TITLES if name in floors], "in this order"
    assert floors["another_action"]["count"] == 6
    assert floors["constant"]["value"] == (1 + 0.5) / 2
    assert floors["constant"]["texts"] == [{"group": "", "text": "xy", "similarity": 0.75, "steps": 2}]
    assert floors["step_before"]["value"] == (1 + 0) / 2, "the constant at the first step, then xx for yy"
    assert floors["problem_first_line"]["value"] == (0.5 + 0) / 2
    assert floors["problem_last_sentence"]["value"] == pytest.approx((2 / 7 + 4 / 7) / 2), "'Say y' has y, and y twice"
    assert (floors["constant"]["groups"], floors["constant"]["low"]) == (1, None)
    assert not {"constant_by_position", "constant_by_form", "constant_by_tool"} & set(floors)


def test_a_group_has_a_constant_of_its_own_where_it_has_steps_enough():
    chosen = [place(k, 1 + k % 2, "open" if k % 2 else "close", tool="door", form="f") for k in range(40)]
    chosen += [place(k, 3, "shut", tool="window", form="f") for k in range(ENOUGH - 1)]
    constants = choose_constants(chosen)
    assert constants.by["position"] == {"1": "close", "2": "open"}, "three steps are not enough for position 3"
    assert constants.by["tool"] == {"door": constants.overall}
    assert "form" not in constants.by, "there is one form"
    floors = by_name(
        measure_floors(constants, [place("x", step, text) for step, text in ((1, "close"), (2, "open"), (3, "none"))])
    )
    value = ratio(constants.overall, "none")
    assert floors["constant_by_position"]["value"] == pytest.approx((1 + 1 + value) / 3)
    assert {(t["group"], t["text"]) for t in floors["constant_by_position"]["texts"]} == {
        ("1", "close"),
        ("2", "open"),
        ("", constants.overall),
    }


def test_few_steps_of_a_group_do_not_speak_against_all_others():
    """Each of the four is the group's best by a little, and far from the constant of the thirty others."""
    others = [place(k, 1, "aaaaaaab") for k in range(30)]
    few = [place(k, 2, text) for k, text in enumerate(("aaaaaaac", "aaaaaaad", "aaaaaaae", "aaaaaaaf"))]
    assert choose_constants(others + few).by["position"] == {"1": "aaaaaaab", "2": "aaaaaaab"}


def test_who_is_told_the_tool_is_not_the_floor():
    chosen = [place(k, 1, text, tool=text) for k in range(20) for text in ("ls", "pwd")]
    floors = measure_floors(choose_constants(chosen), [place("x", 1, text, tool=text) for text in ("ls", "pwd")])
    assert by_name(floors)["constant_by_tool"]["value"] == 1
    best = highest(floors)
    assert best["name"] != "constant_by_tool"
    assert best["value"] == max(f["value"] for f in floors if f["name"] != "constant_by_tool")


def test_the_most_frequent_action_is_a_policy_where_actions_are_calls():
    """`ls` five times in the first half; in the second it is right twice in four."""
    chosen = [
        place(k, 1, text, tool="t") for k, text in enumerate(["ls"] * 5 + ["pwd", "pwd", "cat a b c", "cat a b d"])
    ]
    measured = [place(f"m{k}", 1, text, tool="t") for k, text in enumerate(("ls", "ls", "cat x", "pwd"))]
    constants = choose_constants(chosen)
    assert constants.frequent == "ls"
    found = by_name(measure_floors(constants, measured))["most_frequent"]
    assert found["value"] == pytest.approx((1 + 1 + ratio("ls", "cat x") + ratio("ls", "pwd")) / 4)
    assert found["share"] == 0.5
    assert found["texts"] == [{"group": "", "text": "ls", "similarity": found["value"], "steps": 4}]
    tied = [place(k, 1, text, tool="t") for k, text in enumerate(("pwd", "ls", "pwd", "ls", "cat"))]
    assert choose_constants(tied).frequent == choose_constants(tied[::-1]).frequent == "ls", "in the alphabet"
    once = [place(k, 1, text, tool="t") for k, text in enumerate(("pwd", "ls"))]
    sentences = [place(k, 1, "all alike") for k in range(4)]
    for places in (once, sentences):
        assert choose_constants(places).frequent is None
        assert "most_frequent" not in by_name(measure_floors(choose_constants(places), measured))


def test_a_worked_example_s_action_repeated():
    """Of `xy` and `zz` the first earns more in the first half; in the second it earns 1, 0.5 and 0."""
    chosen = [place("a", 1, "xy"), place("b", 1, "xx"), place("e", 1, "zz"), place("e", 2, "zz"), place("e", 3, "zz")]
    measured = [place("c", 1, "xy"), place("c", 2, "yy"), place("d", 1, "zz")]
    found = example_floor(["zz", "xy"], chosen, measured, own={"e"})
    assert (found["name"], found["value"], found["count"], found["groups"]) == ("worked_example", 0.5, 3, 2)
    assert found["name"] in TITLES
    assert found["texts"] == [{"group": "", "text": "xy", "similarity": 0.5, "steps": 3}]
    assert example_floor(["zz", "xy"], chosen, measured)["texts"][0]["text"] == "zz", "right at its own steps"
    assert example_floor(["zz", "xy"], chosen, measured, own={"e", "c"})["value"] == 0, "of d alone"
    assert example_floor(["b", "a"], [], measured)["texts"][0]["text"] == "a"
    assert example_floor([], chosen, measured) is None
    assert example_floor(["xy"], chosen, measured, own={"c", "d"}) is None


def test_the_problem_s_own_words():
    problem = "\n Tom has 3.5 pens.\nHe buys 4! How many\npens has he?\n"
    assert first_line(problem) == "Tom has 3.5 pens."
    assert last_sentence(problem) == "How many\npens has he?"
    assert (first_line(""), last_sentence("")) == ("", "")
    assert last_sentence("Fix it.\n\n- [ ] a list") == "- [ ] a list"
    assert len(first_line("x" * 9000)) == len(last_sentence("x" * 9000)) == 2000


TEXTS = st.text("ab 1", min_size=1, max_size=8)
SAMPLE = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), TEXTS), min_size=1, max_size=14)


@given(SAMPLE, SAMPLE)
def test_everything_is_what_a_plain_double_loop_gives(chosen, measured):
    chosen = [place(t, step, text, tool=text[0]) for t, step, text in chosen]
    measured = [place(f"m{t}", step, text, "ab" if step > 1 else None, tool=text[0]) for t, step, text in measured]
    constants = choose_constants(chosen)
    pairs = [ratio(a.action, b.action) for a in chosen for b in chosen if a.trajectory != b.trajectory]
    if pairs:
        assert constants.another["value"] == pytest.approx(sum(pairs) / len(pairs))
        assert constants.another["count"] == len(pairs)
    else:
        assert constants.another is None

    def earned(text, places):
        """Of all steps but one of its own, and how many these are."""
        own = sum(p.action == text for p in chosen)
        weights = [1 - 1 / own if p.action == text else 1 for p in places]
        return sum(w * ratio(text, p.action) for w, p in zip(weights, places, strict=True)), sum(weights)

    def score(text, places):
        total, count = earned(text, chosen)
        in_group, members = earned(text, places)
        return (in_group + PRIOR * total / (count or 1)) / (members + PRIOR)

    texts = {p.action for p in chosen}
    assert score(constants.overall, chosen) == pytest.approx(max(score(text, chosen) for text in texts))
    for kind, best in constants.by.items():
        for name, text in best.items():
            members = [p for p in chosen if p.group(kind) == name]
            assert len(members) >= ENOUGH
            assert score(text, members) == pytest.approx(max(score(other, members) for other in texts))
    floors = by_name(measure_floors(constants, measured))
    assert floors["constant"]["value"] == pytest.approx(
        sum(ratio(constants.overall, p.action) for p in measured) / len(measured)
    )
    for kind, best in constants.by.items():
        answers = [best.get(p.group(kind), constants.overall) for p in measured]
        assert floors[f"constant_by_{kind}"]["value"] == pytest.approx(
            sum(ratio(a, p.action) for a, p in zip(answers, measured, strict=True)) / len(measured)
        )
    for floor in floors.values():
        assert 0 <= floor["value"] <= 1
        if floor["low"] is not None:
            assert floor["low"] <= floor["value"] <= floor["high"]


@given(SAMPLE, st.randoms(use_true_random=False))
def test_the_order_of_steps_does_not_matter(sample, draw: random.Random):
    places = [place(t, step, text, tool=text[0]) for t, step, text in sample]
    shuffled = draw.sample(places, len(places))
    first, second = choose_constants(places), choose_constants(shuffled)
    assert (first.overall, first.by) == (second.overall, second.by)
    assert [(f["name"], pytest.approx(f["value"])) for f in measure_floors(first, places)] == [
        (f["name"], f["value"]) for f in measure_floors(second, shuffled)
    ]
