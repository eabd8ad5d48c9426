"""Languages of hand-written and of real mathematical prose."""

from __future__ import annotations

import json

import pytest

from treadle.data.curate.language import check_language, other_language, prose
from treadle.errors import DataError
from treadle.trajectory import Step, Trajectory

SOLUTIONS = {
    "zh": "1. **求导数:** 对函数 $f(x)=x^2$ 求导。\n2. 令导数等于零，解得x=0，所以函数在这一点取得最小值。",
    "de": "1. **Ableitung bestimmen:** Wir leiten $f(x) = x^2$ ab und setzen die Ableitung gleich null.",
    "es": "1. **Calcular la derivada:** Derivamos la función $f(x)=x^2$ e igualamos la derivada a cero.",
    "ru": "1. **Найдём производную:** Продифференцируем функцию $f(x)=x^2$ и приравняем её к нулю.",
    "en": "1. **Find the derivative:** We differentiate $f(x) = x^2$ and set the derivative to zero.",
}


def solution(*actions: str, domain: str = "math") -> Trajectory:
    return Trajectory("t", "Find the minimum.", tuple(map(Step, actions)), domain=domain)


@pytest.mark.parametrize("language", SOLUTIONS)
def test_solutions_are_in_their_own_language_and_in_no_other(language):
    for wanted in SOLUTIONS:
        found = other_language(solution(SOLUTIONS[language]), wanted)
        assert found == (None if wanted == language else language)


def test_all_actions_count_together():
    actions = SOLUTIONS["de"].split()
    assert other_language(solution(*actions), "en") == "de"


@pytest.mark.parametrize(
    "text",
    [
        "$x^2 + y^2 = z^2$",
        "1. \\[ \\text{Fläche} = \\frac{1}{2} \\cdot \\text{Grundseite} \\cdot \\text{Höhe der Figur} \\]",
        "Also 12.",
        "```python\ndef größe(länge, breite, höhe):\n    rückgabe = länge * breite * höhe\n```",
        "<<48/2=24>>24 https://de.wikipedia.org/wiki/Satz_des_Pythagoras",
        "AB CD EF GH IJ KL MN OP QR ST UV WX YZ",
    ],
)
def test_what_holds_no_prose_has_no_language(text):
    assert other_language(solution(text), "en") is None


def test_commands_of_agents_have_no_language():
    text = "git commit -m 'Größe der Schaltfläche berichtigt und die Übersetzungen erneuert'"
    assert other_language(solution(text, domain="agent"), "en") is None
    assert other_language(solution(text), "en") == "de"


def test_what_prose_is():
    text = (
        "We see `x = 1`, $a$ and \\(b\\).\n\\begin{align}c &= d\\end{align} "
        "See https://e.org/f, or **the** x_1 <b>proof</b>."
    )
    assert prose(text).split() == ["We", "see", "and", "See", "or", "the", "proof"]
    assert prose("所以x=0，解得y=1。证毕") == "所以 解得 证毕"


def test_long_and_hostile_texts_are_read_in_part():
    long = "Wir rechnen nach. " * 20_000 + "We compute. " * 20_000
    assert len(prose(long)) < 3010
    assert "rechnen" in prose(long)
    assert "compute" in prose(long)
    assert prose("\\begin{a}" * 200_000) == ""
    assert set(prose("\\[ a " * 200_000).split()) == {"a"}


def test_an_unknown_code_is_refused():
    with pytest.raises(DataError, match=r"--language EN: .*did you mean en\?.* known are .*de, .*en, .*zh"):
        other_language(solution("One."), "EN")
    with pytest.raises(DataError, match="--language zxx"):
        check_language("zxx")


@pytest.mark.parametrize(
    ("name", "column", "rows"), [("amc_aime_solutions", "solution", 3052), ("gsm8k_train_2000", "answer", 2000)]
)
def test_no_real_english_solution_is_taken_for_another_language(data, name, column, rows):
    found = [
        other_language(solution(json.loads(line)[column]), "en") for line in (data / "math" / f"{name}.jsonl").open()
    ]
    assert found == [None] * rows
