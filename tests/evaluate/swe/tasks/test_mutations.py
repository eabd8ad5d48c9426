"""Bugs by mutation: what each kind does, and that nothing else of a file changes."""

from __future__ import annotations

import ast
import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluate.swe.tasks.kinds import KINDS
from treadle.evaluate.swe.tasks.mutations import Mutant, candidates, is_another_program, mutants, spread

# A line of a function's body, a kind, and what it makes of the line; None: the line goes.
EXAMPLES = [
    ("operator", "return a + b", "return a - b"),
    ("operator", "return (a)  # a - b\\\n", None),
    ("operator", "return a // b", "return a * b"),
    ("operator", "return '%s' % a", None),
    ("boundary", "return a < b", "return a <= b"),
    ("boundary", "return (a) >= (b)", "return (a) > (b)"),
    ("comparison", "return a == b", "return a != b"),
    ("comparison", "return a is  not b", "return a is b"),
    ("comparison", "return a in b", "return a not in b"),
    ("negated_condition", "return 1 if f(a) else 2", "return 1 if not f(a) else 2"),
    ("negated_condition", "return 1 if a or b else 2", "return 1 if not (a or b) else 2"),
    ("removed_unary", "return not a", "return a"),
    ("removed_unary", "return a[-1]", "return a[1]"),
    ("connective", "return a and b", "return a or b"),
    ("swapped_branches", "return a if f() else b", "return b if f() else a"),
    ("swapped_arguments", "return f(a, b)", "return f(b, a)"),
    ("swapped_items", "return a, b", "return b, a"),
    ("swapped_items", "return {1: a, 2: b}", "return {1: b, 2: a}"),
    ("off_by_one", "return a[1:]", "return a[2:]"),
    ("off_by_one", "return 0", "return 1"),
    ("slice_bound", "return a[:b]", "return a[:b - 1]"),
    ("flipped_flag", "return f(a, strict=True)", "return f(a, strict=False)"),
    ("wrong_exception", "raise KeyError(a)", "raise IndexError(a)"),
    ("lost_return", "return (a)", "(a)"),
    ("lost_return", "return a, b", "a, b"),
    ("lost_update", "a += b", "a = b"),
    ("lost_update", "a //= b", "a = b"),
    ("removed_wrapper", "return list(a)[0]", "return a[0]"),
    ("removed_wrapper", "return list(a or b)[0]", "return (a or b)[0]"),
    ("removed_keyword", "return f(a, key=b)", "return f(a)"),
    ("twin_function", "return min(a)", "return max(a)"),
    ("twin_function", "return a.keys()", "return a.values()"),
    ("removed_statement", "a.x = b", ""),
]
BLOCKS = [
    ("removed_branch", "if a:\n    return b\nreturn 0\n", "return 0\n"),
    ("removed_branch", "if a:\n    return b\nelse:\n    return 1\nreturn 0\n", "if a:\n    return b\nreturn 0\n"),
    ("removed_branch", "if a:\n    b()\nelif b:\n    a()\nreturn 0\n", "if a:\n    b()\nreturn 0\n"),
    ("loop_exit", "for c in a:\n    break\n", "for c in a:\n    continue\n"),
    (
        "wrong_exception",
        "try:\n    a()\nexcept (KeyError, OSError):\n    b()\n",
        "try:\n    a()\nexcept (IndexError, OSError):\n    b()\n",
    ),
    ("operator", "return (a  # more - or\n        + b)\n", "return (a  # more - or\n        - b)\n"),
]


def body(text: str, after: str = "") -> str:
    return "def f(a, b):\n" + "".join(f"    {line}" for line in text.splitlines(keepends=True)) + after


def of_kind(kind: str, source: str) -> list[Mutant]:
    return [mutant for mutant in candidates(source) if mutant.kind == kind and is_another_program(mutant)]


@pytest.mark.parametrize(("kind", "line", "expected"), EXAMPLES)
def test_what_a_kind_does_to_a_line(kind, line, expected):
    after = "    # the end\n    return 0\n"
    found = {mutant.source for mutant in of_kind(kind, body(f"{line}\n", after))}
    if expected is None:
        assert not found
    else:
        assert body(f"{expected}\n" if expected else "", after) in found


@pytest.mark.parametrize(("kind", "block", "expected"), BLOCKS)
def test_what_a_kind_does_to_a_block(kind, block, expected):
    assert body(expected) in {mutant.source for mutant in of_kind(kind, body(block))}


def test_a_default():
    found = of_kind("changed_default", "def f(a=None, *, b=''):\n    return a, b\n")
    assert [mutant.after for mutant in found] == ["False", '" "']


def test_every_kind_has_an_example():
    shown = {kind for kind, *_ in (*EXAMPLES, *BLOCKS)} | {"changed_default"}
    assert shown == set(KINDS)
    assert len(KINDS) >= 12


def test_columns_are_bytes_and_line_ends_stay():
    source = "def f(a):\r\n    é = 'üöä€𝄞' + str(a); return é + a  # ß\r\n"
    found = of_kind("operator", source)
    assert {mutant.source for mutant in found} == {source.replace("é + a", "é - a")}
    assert [(mutant.line, mutant.before, mutant.after) for mutant in found] == [(2, "+", "-")]


def test_what_is_not_changed():
    source = '''"""A module: 1 + 1."""
LIMIT = 1 + 1

@decorated(1, 2)
def f(a: tuple[1, 2] = None) -> list[1, 2]:
    """1 < 2."""
    b: int[1, 2]
    return f"{a + 1}"
'''
    assert {mutant.kind for mutant in candidates(source)} == {"changed_default", "lost_return"}


def test_functions_are_named_by_what_users_see():
    source = """class A:
    class B:
        def f(self):
            def g():
                return 1
            return g
if True:
    async def h():
        return 2
"""
    assert {mutant.function for mutant in candidates(source)} == {"A.B.f", "h"}


@pytest.mark.parametrize("source", ["def f(:\n", "def f():\n    return 1\0\n", "(" * 500 + ")" * 500, ""])
def test_what_cannot_be_read_has_no_mutants(source):
    assert list(mutants(source)) == []


def own_source() -> str:
    from treadle.evaluate.swe.tasks import spans

    with open(spans.__file__, encoding="utf-8") as file:
        return file.read()


def test_the_same_seed_the_same_order():
    first, again, other = (list(islice(mutants(own_source(), seed), 30)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_kinds_and_functions_take_turns():
    found = candidates(own_source())
    functions = {mutant.function for mutant in found}
    first = list(spread(found, random.Random(0)))
    assert len(first) == len(found)
    assert {mutant.function for mutant in first[: len(functions)]} == functions
    assert len({mutant.kind for mutant in first[: len(functions)]}) >= len(functions) - 2


@given(st.randoms(use_true_random=False))
def test_a_mutant_changes_its_function_alone(chance):
    source = own_source()
    mutant = next(iter(filter(is_another_program, spread(candidates(source), chance))))
    *_, name = mutant.function.split(".")
    before, after = ast.parse(source), ast.parse(mutant.source)
    for tree in (before, after):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                node.body, node.args = [], None
    assert ast.dump(before) == ast.dump(after)
    data, changed = source.encode(), mutant.source.encode()
    end = mutant.start + len(mutant.before.encode())
    assert changed.startswith(data[: mutant.start])
    assert changed.endswith(data[end:])
    assert len(changed) - len(data) == len(mutant.after.encode()) - len(mutant.before.encode())
