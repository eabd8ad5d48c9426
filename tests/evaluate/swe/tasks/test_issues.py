"""Issue texts: what they draw on, and what they never say."""

from __future__ import annotations

import pytest

from treadle.evaluate.swe.tasks.issues import Symptom, in_words, issue_text, public_name, symptom_of

TESTS = (
    '''import pytest


class Base:
    def test_sum(self):
        """What a sum is."""
        one = 1
        for other in (1, 2):
            assert add(one, other) == (
                one + other
            )
        assert never


def test_long():
'''
    + "".join(f"    x{k} = {k}\n" for k in range(40))
    + "    assert x1 == 2\n"
)

VALUE = """tests/test_a.py:9: in test_sum
    assert add(one, other) == (
E   AssertionError: assert 0 == 2
p/core.py:3: in hidden
    return a - b
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(TESTS)
    return tmp_path


def test_a_wrong_value(root):
    message = "AssertionError: assert 0 == 2\n +  where 0 = add(1, 1) at 0x7f00aa11\n  Use -v to get more diff"
    found = symptom_of("tests/test_a.py::Base::test_sum", (message, VALUE), root)
    assert found.kind == "value"
    assert found.example == (
        "one = 1\nfor other in (1, 2):\n    assert add(one, other) == (\n        one + other\n    )"
    )
    assert found.message == "assert 0 == 2\n +  where 0 = add(1, 1) at 0x..."


def test_of_a_long_test_the_statement_alone(root):
    found = symptom_of("tests/test_a.py::test_long", ("assert 1 == 2", "tests/test_a.py:56: in test_long\n"), root)
    assert found.example == "assert x1 == 2"


@pytest.mark.parametrize(
    ("message", "kind", "error", "expected", "shown"),
    [
        ("TypeError: no int", "error", "TypeError", "", "no int"),
        ("p.errors.Odd: no int", "error", "Odd", "", "no int"),
        ("KeyError: (1,)", "error", "KeyError", "", "(1,)"),
        ("StopIteration", "error", "StopIteration", "", "StopIteration"),
        ("assert 1 == 2", "value", "AssertionError", "", "assert 1 == 2"),
        ("AssertionError: 3 != 2", "value", "AssertionError", "", "3 != 2"),
        (
            "Failed: DID NOT RAISE <class 'ValueError'>",
            "silent",
            "Failed",
            "ValueError",
            "DID NOT RAISE <class 'ValueError'>",
        ),
        ("Failed: DID NOT RAISE ValueError", "silent", "Failed", "ValueError", "DID NOT RAISE ValueError"),
        (
            "AssertionError: KeyError not raised by f",
            "silent",
            "AssertionError",
            "KeyError",
            "KeyError not raised by f",
        ),
    ],
)
def test_messages(message, kind, error, expected, shown, root):
    found = symptom_of("tests/test_a.py::test_x", (message, ""), root)
    assert (found.kind, found.error, found.expected, found.message, found.example) == (kind, error, expected, shown, "")


def test_tracebacks_that_lead_elsewhere(root):
    account = (
        "../tests/test_a.py:9: in test_sum\n/etc/test:9: in x\ntests/nowhere_test.py:1: in x\nE  tests/test_a.py\n"
    )
    assert symptom_of("tests/test_a.py::Base::test_sum", ("E", account), root).example == ""


@pytest.mark.parametrize(
    ("file", "function", "paths", "name"),
    [
        ("toolz/itertoolz.py", "partition", (".",), "toolz.itertoolz.partition"),
        ("src/cachetools/__init__.py", "Cache.__delitem__", ("src",), "cachetools.Cache.__delitem__"),
        ("src/cachetools/__init__.py", "Cache.__init__", ("src",), "cachetools.Cache.__init__"),
        ("src/cachetools/__init__.py", "_Timed.get", ("src",), ""),
        ("toolz/_signatures.py", "f", (".",), ""),
        ("six.py", "ensure_str", (".",), "six.ensure_str"),
    ],
)
def test_public_names(file, function, paths, name):
    assert public_name(file, function, paths) == name


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("tests/test_cache.py::CacheTest::test_getsizeof_subclass", "getsizeof subclass"),
        ("tests/test_a.py::test_groupBy[a-b_c]", "group by"),
        ("tests/test_keys.py::test", "keys"),
    ],
)
def test_tests_in_words(test, words):
    assert in_words(test) == words


@pytest.mark.parametrize("kind", ["value", "error", "silent"])
@pytest.mark.parametrize("example", ["assert f(1) == 2", ""])
@pytest.mark.parametrize("name", ["p.f", ""])
def test_every_wording_says_what_is_needed(kind, example, name):
    error = {"value": "AssertionError", "error": "TypeError", "silent": "Failed"}[kind]
    symptom = Symptom("t.py::test_f", example, error, "2 is not 1", "KeyError" if kind == "silent" else "")
    texts = {issue_text(symptom, "p", "1.0", name, ["t.py::test_f", "t.py::test_g"], str(key)) for key in range(20)}
    assert len(texts) == 2
    for text in texts:
        assert "p 1.0" in text
        assert example in text
        assert (name or "p (f)") in text or "f" in text.split("\n")[0]
        assert ("KeyError" if kind == "silent" else "2 is not 1") in text
        assert text.split("\n")[0].strip()
        assert text.split("\n")[1] == ""
        assert "\n\n\n" not in text
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
