import datetime

import pytest

from treadle.domains.setups import setup_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"seed": 7}, {"seed": 7}),
        ('{"seed": 7}', {"seed": 7}),
        ("[1, 2]", [1, 2]),
        ("north", "north"),
        (None, None),
        (3, 3),
    ],
)
def test_json_and_texts_of_json_are_the_same(value, expected):
    assert setup_of({"setup": value}) == expected


def test_a_row_without_the_column_has_none():
    assert setup_of({"problem": "?"}) is None


@pytest.mark.parametrize("value", [float("nan"), '{"a": [NaN]}', "1e999", datetime.date(2026, 1, 1), {"at": b"x"}])
def test_what_json_cannot_say_is_named(value):
    with pytest.raises(ValueError, match=r"column 'setup' holds .*, expected JSON"):
        setup_of({"setup": value})


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(("levels", "refused"), [(100, False), (101, True), (900, True), (5000, True)])
def test_what_is_nested_too_deep_is_named(levels, refused, as_text):
    value = 7
    for _ in range(levels):
        value = [value]
    if as_text:
        value = "[" * levels + "7" + "]" * levels
    if refused:
        with pytest.raises(ValueError, match=r"column 'setup' holds .*, expected JSON \("):
            setup_of({"setup": value})
    else:
        assert str(setup_of({"setup": value})) == "[" * levels + "7" + "]" * levels
