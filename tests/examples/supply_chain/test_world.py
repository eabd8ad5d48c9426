"""What the environment answers, counted by hand, and what it does with lines that are no decisions."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.supply_chain.world import FAMILIES, World, text
from treadle.domains.domain import Task

SETUPS = {
    "transport": {
        "family": "transport",
        "supply": {"A": 5, "B": 4},
        "demand": {"X": 3, "Y": 4},
        "cost": {"A": {"X": 2, "Y": 3}, "B": {"X": 4, "Y": 1}},
    },
    "lots": {"family": "lots", "demand": [4, 2, 5], "setup": 7, "hold": 1, "most": 8},
    "reorder": {"family": "reorder", "demand": [3, 4, 2], "stock": 5, "pack": 3, "room": 9, "order": 6, "hold": 1},
    "routes": {
        "family": "routes",
        "load": {"A": 3, "B": 4, "C": 2},
        "most": 6,
        "distance": {"AB": 2, "AC": 5, "AH": 3, "BC": 4, "BH": 1, "CH": 6},
    },
}


def world(family: str) -> World:
    made = World()
    made.reset(Task("", "", "", SETUPS[family]))
    return made


@pytest.mark.parametrize(
    ("family", "lines"),
    [
        (
            "transport",
            [
                ("ship 3 from A to X", "Transport: A 2 B 4; Y 4 at A 3 B 1"),
                ("ship 5 from B to Y", "No: B has 4. Transport: A 2 B 4; Y 4 at A 3 B 1"),
                ("ship 1 from B to X", "No: X needs 0. Transport: A 2 B 4; Y 4 at A 3 B 1"),
                ("ship 4 from B to Y", "Complete, cost 10."),
            ],
        ),
        (
            "lots",
            [
                (
                    "period 2 make 4",
                    "No: period 1 is next. Lots: set-up 7, hold 1, most 8; period 1, stock 0, need 4 2 5",
                ),
                (
                    "period 1 make 3",
                    "No: 1 would be missing. Lots: set-up 7, hold 1, most 8; period 1, stock 0, need 4 2 5",
                ),
                ("period 1 make 6", "Lots: set-up 7, hold 1, most 8; period 2, stock 2, need 2 5"),
                ("period 2 make 0", "Lots: set-up 7, hold 1, most 8; period 3, stock 0, need 5"),
                ("period 3 make 5", "Complete, cost 16."),
            ],
        ),
        (
            "reorder",
            [
                (
                    "week 1 order 2",
                    "No: 11 would be there, the room holds 9. "
                    "Reorder: order 6, hold 1, pack 3, room 9; week 1, stock 5, need 3 4 2",
                ),
                ("week 1 order 0", "Reorder: order 6, hold 1, pack 3, room 9; week 2, stock 2, need 4 2"),
                (
                    "week 2 order 0",
                    "No: 2 would be missing. Reorder: order 6, hold 1, pack 3, room 9; week 2, stock 2, need 4 2",
                ),
                ("week 2 order 2", "Reorder: order 6, hold 1, pack 3, room 9; week 3, stock 4, need 2"),
                ("week 3 order 0", "Complete, cost 14."),
            ],
        ),
        (
            "routes",
            [
                ("go B", "Routes: most 6; at B, room 2; A 3 away 2, C 2 away 4, H away 1; A C 5, A H 3, C H 6"),
                (
                    "go A",
                    "No: A takes 3, the vehicle has 2 left. "
                    "Routes: most 6; at B, room 2; A 3 away 2, C 2 away 4, H away 1; A C 5, A H 3, C H 6",
                ),
                ("go C", "Routes: most 6; at C, room 0; A 3 away 5, H away 6; A H 3"),
                ("go C", "No: the vehicle is at C. Routes: most 6; at C, room 0; A 3 away 5, H away 6; A H 3"),
                ("go H", "Routes: most 6; at H, room 6; A 3 away 3"),
                ("go A", "Routes: most 6; at A, room 3; H away 3"),
                ("go H", "Complete, cost 17."),
            ],
        ),
    ],
)
def test_each_line_is_answered_with_the_state_or_with_why_not(family, lines):
    made = world(family)
    for place, (action, expected) in enumerate(lines):
        assert made.step(action) == (expected, place == len(lines) - 1)


HOSTILE = {
    "code": "__import__('os').system('echo 1')",
    "code in a number": "ship 1+1 from A to X",
    "a power": "ship 9**9**9 from A to X",
    "enormous": "ship " + "9" * 40 + " from A to X",
    "five digits": "ship 10000 from A to X",
    "megabytes": "ship 1 from A to X" + " " * 5_000_000,
    "megabytes of digits": "ship " + "1" * 5_000_000,
    "arabic digits": "ship ١ from A to X",
    "full-width digits": "ship ３ from A to X",
    "superscript": "ship ² from A to X",
    "nan": "ship nan from A to X",
    "inf": "ship inf from A to X",
    "negative": "ship -3 from A to X",
    "a fraction": "ship 1.5 from A to X",
    "exponent": "ship 1e3 from A to X",
    "two lines": "ship 1 from A to X\nship 1 from A to X",
    "a line end": "ship 1 from A to X\n",
    "null": "ship 1 from A to X\0",
    "lone surrogate": "ship \ud800 from A to X",
    "cyrillic A": "ship 1 from А to X",
    "case": "SHIP 1 FROM A TO X",
    "empty": "",
    "a template": "{{ 7 * 7 }}",
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("action", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_decision_is_answered_and_changes_nothing(family, action):
    made, untouched = world(family), world(family)
    started = time.process_time()
    observation, done = made.step(action)
    assert time.process_time() - started < 0.1
    assert observation == f"No: expected one line: {untouched.plan.form}. {untouched.plan.state}"
    assert not done
    assert made.plan.__dict__ == untouched.plan.__dict__


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("ship 0 from A to X", "No: ship at least 1."),
        ("ship 9999 from A to X", "No: A has 5."),
        ("ship 1 from X to A", "No: there is no way from X to A."),
        ("ship 1 from H to X", "No: there is no way from H to X."),
    ],
)
def test_a_decision_that_cannot_be_carried_out_is_refused(action, expected):
    assert world("transport").step(action) == (f"{expected} {text(SETUPS['transport'])}", False)


@pytest.mark.parametrize("family", FAMILIES)
@given(actions=st.lists(st.text(max_size=80) | st.from_regex(r"(ship|period|week|go) [0-9]{1,5}.*", fullmatch=True)))
def test_any_text_is_answered(family, actions):
    made = world(family)
    for action in actions:
        observation, done = made.step(action)
        assert isinstance(observation, str)
        assert len(observation) < 200
        assert done is made.over


def test_three_refused_lines_end_a_plan():
    made = world("lots")
    assert [made.step("?")[1] for _ in range(3)] == [False, False, True]
    assert made.step("period 1 make 4") == ("The plan is closed.", True)
    assert made.plan.missing == "period 1"


def test_done_closes_a_plan_that_is_not_complete():
    made = world("routes")
    made.step("go B")
    assert made.step("done.") == ("Closed, cost 1; open A C.", True)


def test_a_copy_goes_its_own_way():
    made = world("transport")
    made.step("ship 3 from A to X")
    other = made.copy()
    other.step("ship 4 from B to Y")
    assert made.step("ship 2 from A to Y") == ("Transport: A 0 B 4; Y 2 at A 3 B 1", False)
    assert other.over


@pytest.mark.parametrize("setup", [None, {}, {"family": "magic"}, []])
def test_a_task_without_a_known_family_is_refused(setup):
    with pytest.raises(ValueError, match=r"setup\.family"):
        World().reset(Task("", "", "", setup))
