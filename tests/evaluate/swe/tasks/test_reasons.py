"""Each kind of bug has a reason of its own."""

from __future__ import annotations

from treadle.evaluate.swe.tasks.kinds import KINDS
from treadle.evaluate.swe.tasks.reasons import reason_of


def test_every_kind_has_a_reason():
    assert len({reason_of(kind) for kind in KINDS}) == len(KINDS)
    assert reason_of("another") not in {reason_of(kind) for kind in KINDS}
