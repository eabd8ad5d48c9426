"""Values as Python and numpy print them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.files.literals import literal

VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(st.text(), VALUE, min_size=1, max_size=3), min_size=1, max_size=3))
def test_what_python_prints_is_read_as_it_was(value):
    assert literal(str(value)) == value


def test_what_numpy_prints_of_objects():
    text = (
        "[{'role': 'user', 'content': \"it's }\\n{\", 'score': nan}\n"
        " {'role': 'assistant', 'tool_calls': array([{'id': 'a'}, {'id': 'b'}], dtype=object)}]"
    )
    assert literal(text) == [
        {"role": "user", "content": "it's }\n{", "score": None},
        {"role": "assistant", "tool_calls": [{"id": "a"}, {"id": "b"}]},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ls",
        "[1, 2]",
        "[x for x in y]",
        "[{'a': datetime.datetime(2024, 1, 1)}]",
        "[{'a': 1}",
        "[{'a': 'x}]",
        "[{'a' 1}]",
        "[" * 5000,
        "[{'a': " * 3000,
        "{'a': __import__('os')}",
    ],
)
def test_anything_else_is_none(text):
    assert literal(text) is None
