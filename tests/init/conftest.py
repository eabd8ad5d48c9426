"""What was found of a model and data, made up, for tests to change one thing of."""

from __future__ import annotations

import pytest

from treadle.check.measured import Demonstrations
from treadle.init.found import Found, Lengths


@pytest.fixture
def found():
    """A model of 7 billion parameters, and solutions with answers."""

    def make(**changes):
        given = {
            "parameters": 7_000_000_000,
            "positions": 32_768,
            "speech": "",
            "can_think": True,
            "instances": 4_000,
            "answers": 900,
            "held_out": 60,
            "held_out_answers": 50,
            "answers_only": False,
            "demonstrations": Demonstrations(1_000),
            "steps": Lengths(prompt=700, expert=130),
            "solutions": Lengths(prompt=200, expert=700),
        }
        return Found(**{**given, **changes})

    return make
