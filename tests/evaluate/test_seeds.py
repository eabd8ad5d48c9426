"""`treadle.evaluate.seeds` against values worked out with `sha256sum`."""

from __future__ import annotations

from treadle.evaluate.seeds import seed_at


def test_a_seed_is_the_first_31_bits_of_the_digest_of_its_place():
    # printf '[0, "task", "step/1"]' | sha256sum
    assert seed_at(0, "task", "step/1") == 0x705EA00F >> 1
    assert seed_at(0, "task", "step/2") != seed_at(0, "task", "step/1")
