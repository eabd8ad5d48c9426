"""The same action: by text, by call, or by a function of the domain's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.domains.folders import write_domain
from treadle import exact_reward
from treadle.domains.folder import read_folder
from treadle.domains.registry import find, use
from treadle.errors import DomainError
from treadle.scoring.calls import call_text
from treadle.scoring.same import same_action

LS = call_text("bash", {"command": "ls"})
FIELD = "name: field\nsame: code.py:same\n"


def own(tmp_path, code):
    folder = write_domain(tmp_path / "field", FIELD)
    (folder / "code.py").write_text(code)
    return read_folder(folder)


@pytest.mark.parametrize(
    ("domain", "action", "other", "expected"),
    [
        ("math", "x = 1", " x = 1\n", True),
        ("math", "x = 1", "x  = 1", False),
        ("math", "```\nls\n```", "ls", False),
        ("agent", "```bash\nls\n```", "ls", True),
        ("agent", "I look.\n" + LS, LS, True),
        ("agent", "ls -a", "ls", False),
        ("agent", "", "ls", False),
        ("agent", "ls", "", False),
    ],
)
def test_texts_and_calls(domain, action, other, expected):
    assert same_action(find(domain), action, other) is expected


def test_a_function_of_the_domains_own(tmp_path):
    field = own(tmp_path, "def same(a, b):\n    return sorted(a.split()) == sorted(b.split())\n")
    assert same_action(field, "go left", "left go")
    assert not same_action(field, "go left", "go right")


def test_equal_texts_are_the_same_and_the_function_is_not_asked(tmp_path):
    assert same_action(own(tmp_path, "def same(a, b):\n    1/0\n"), "go", " go")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def same(a, b):\n    1/0\n", r"same: code\.py:same failed on 'a' and 'b' \(ZeroDivisionError"),
        ("def same(a):\n    return True\n", r"failed on 'a' and 'b' \(TypeError"),
        ("def same(a, b):\n    return 1\n", "found 1 for two actions, expected True or False"),
        ("1/0", r"code\.py cannot be imported \(ZeroDivisionError"),
        ("", "code.py has no 'same'"),
    ],
)
def test_what_is_wrong_with_it_is_a_line(tmp_path, code, said):
    with pytest.raises(DomainError, match=said) as error:
        same_action(own(tmp_path, code), "a", "b")
    assert str(tmp_path / "field") in str(error.value)


def test_the_exact_reward_asks_it(tmp_path, no_domains):
    field = own(tmp_path, "def same(a, b):\n    return sorted(a) == sorted(b)\n")
    use(str(field.folder))
    written = ["<think>x</think>ab", "<think>x</think>ab", "<think>x</think>ac", "ab"]
    assert exact_reward(written, ["ba"] * 4, domain=["field", "math", "field", "field"]) == [1.0, 0.0, 0.0, -1.0]


def test_calls_are_those_of_a_domain_of_calls():
    plain = replace(find("agent"), steps="text")
    assert not same_action(plain, "```\nls\n```", "ls")
