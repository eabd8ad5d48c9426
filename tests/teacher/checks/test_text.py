"""Length, language and repetition."""

from __future__ import annotations

import pytest

from tests.teacher.examples import GOOD, draft
from treadle.errors import DataError
from treadle.teacher.checks import Reason
from treadle.teacher.checks.text import Language, Length, Repetition, repeated_share

GERMAN = (
    "1. **Wir schreiben die Summe auf:** Gesucht ist die Summe der beiden ganzen Zahlen, die aufeinander folgen.\n\n"
    "2. **Wir rechnen:** Von drei zählen wir vier weiter und erhalten als Ergebnis die Zahl $\\boxed{7}$."
)


def test_the_band_holds_its_ends():
    length = len(GOOD)
    assert Length(length, length)(draft()) is None
    assert Length(length + 1, 2 * length)(draft()).reason is Reason.TOO_SHORT
    assert Length(1, length - 1)(draft()).reason is Reason.TOO_LONG


def test_another_language_is_named():
    assert Language("en")(draft()) is None
    fault = Language("en")(draft(GERMAN))
    assert (fault.reason, fault.detail) == (Reason.OTHER_LANGUAGE, "it is in 'de', expected 'en'")
    assert Language("de")(draft(GERMAN)) is None
    with pytest.raises(DataError, match="--language xx"):
        Language("xx")


def test_repeated_runs_by_hand():
    words = [f"word{i}" for i in range(30)]
    assert repeated_share(" ".join(words)) == 0
    assert repeated_share(" ".join(words[:9])) == 0
    # 60 words have 51 runs; those that begin at 30 to 50 came before
    assert repeated_share(" ".join(words + words)) == pytest.approx(21 / 51)


def test_a_loop_is_found_and_mathematics_is_none():
    loop = GOOD + "\n\nWait, that is not what we were asked for, so let us look again at it." * 20
    assert Repetition(0.4)(draft(loop)).reason is Reason.REPEATS
    assert Repetition(0.4)(draft()) is None
