"""The kinds of bugs: each looks at one node of the syntax tree and offers changes of its text.

A kind is a function `(node, source) -> changes`, registered for the types of nodes that it looks at; a change is a span
and the text that takes its place. What it offers need not be valid or differ in meaning: `treadle.evaluate.swe.tasks.
mutations` looks at that, and the tests of the package have the last word.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise

from treadle.evaluate.swe.tasks.spans import Source, Span

Change = tuple[Span, str]
Kind = Callable[[ast.AST, Source], Iterator[Change]]

KINDS: dict[str, tuple[tuple[type[ast.AST], ...], Kind]] = {}
"""The kinds by name, with the types of nodes that they look at."""

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.List, ast.Dict, ast.Set, ast.GeneratorExp)
_OPERATORS: dict[type[ast.AST], tuple[bytes, str]] = {
    ast.Add: (rb"\+", "-"),
    ast.Sub: (rb"-", "+"),
    ast.Mult: (rb"\*", "+"),
    ast.Div: (rb"/", "*"),
    ast.FloorDiv: (rb"//", "*"),
    ast.Mod: (rb"%", "//"),
    ast.Pow: (rb"\*\*", "*"),
    ast.BitAnd: (rb"&", "|"),
    ast.BitOr: (rb"\|", "&"),
    ast.LShift: (rb"<<", ">>"),
    ast.RShift: (rb">>", "<<"),
}
_BOUNDARIES: dict[type[ast.AST], tuple[bytes, str]] = {
    ast.Lt: (rb"<", "<="),
    ast.LtE: (rb"<=", "<"),
    ast.Gt: (rb">", ">="),
    ast.GtE: (rb">=", ">"),
}
_OPPOSITES: dict[type[ast.AST], tuple[bytes, str]] = {
    ast.Eq: (rb"==", "!="),
    ast.NotEq: (rb"!=", "=="),
    ast.Is: (rb"\bis\b", "is not"),
    ast.IsNot: (rb"\bis\s+not\b", "is"),
    ast.In: (rb"\bin\b", "not in"),
    ast.NotIn: (rb"\bnot\s+in\b", "in"),
}
_EXCEPTIONS = {
    "ValueError": "TypeError",
    "TypeError": "ValueError",
    "KeyError": "IndexError",
    "IndexError": "KeyError",
    "AttributeError": "TypeError",
    "RuntimeError": "ValueError",
    "NotImplementedError": "ValueError",
    "StopIteration": "KeyError",
    "ZeroDivisionError": "ValueError",
    "OverflowError": "ValueError",
}
_WRAPPERS = (
    *("abs", "bool", "dict", "float", "frozenset", "int", "iter"),
    *("list", "reversed", "set", "sorted", "str", "tuple"),
)
_TWINS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "append": "extend",
    "keys": "values",
    "values": "keys",
}


def kind(*types: type[ast.AST]) -> Callable[[Kind], Kind]:
    """Register a kind, under the name of its function, for types of nodes."""

    def register(offer: Kind) -> Kind:
        KINDS[offer.__name__] = (types, offer)
        return offer

    return register


@kind(ast.BinOp)
def operator(node: ast.BinOp, source: Source) -> Iterator[Change]:
    """`a + b` becomes `a - b`."""
    is_text = isinstance(node.left, ast.Constant | ast.JoinedStr) and not _is_number(node.left)
    if type(node.op) in _OPERATORS and not is_text:
        pattern, other = _OPERATORS[type(node.op)]
        if token := source.token(node.left, node.right, pattern):
            yield token, other


@kind(ast.Compare)
def boundary(node: ast.Compare, source: Source) -> Iterator[Change]:
    """`a < b` becomes `a <= b`."""
    yield from _compared(node, source, _BOUNDARIES)


@kind(ast.Compare)
def comparison(node: ast.Compare, source: Source) -> Iterator[Change]:
    """`a == b` becomes `a != b`, `in` becomes `not in`."""
    yield from _compared(node, source, _OPPOSITES)


@kind(ast.If, ast.While, ast.IfExp)
def negated_condition(node: ast.If | ast.While | ast.IfExp, source: Source) -> Iterator[Change]:
    """`if a:` becomes `if not a:`."""
    text = source.text(node.test)
    if isinstance(node.test, _ATOMS) and not isinstance(node.test, ast.Constant):
        yield source.span(node.test), f"not {text}"
    elif isinstance(node.test, ast.BoolOp):
        yield source.span(node.test), f"not ({text})"


@kind(ast.UnaryOp)
def removed_unary(node: ast.UnaryOp, source: Source) -> Iterator[Change]:
    """`not a` becomes `a`, `-1` becomes `1`."""
    if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield source.span(node), _closed(node.operand, source, isinstance(node.op, ast.Not))


@kind(ast.BoolOp)
def connective(node: ast.BoolOp, source: Source) -> Iterator[Change]:
    """`a and b` becomes `a or b`."""
    pattern, other = (rb"\band\b", "or") if isinstance(node.op, ast.And) else (rb"\bor\b", "and")
    for left, right in pairwise(node.values):
        if token := source.token(left, right, pattern):
            yield token, other


@kind(ast.If)
def removed_branch(node: ast.If, source: Source) -> Iterator[Change]:
    """An `if` without `else` goes; of one with `else` or `elif` that goes."""
    if node.orelse:
        yield (source.span(node.body[-1])[1], source.span(node.orelse[-1])[1]), ""
    elif lines := source.lines_of(node, node):
        yield lines, ""


@kind(ast.IfExp)
def swapped_branches(node: ast.IfExp, source: Source) -> Iterator[Change]:
    """`a if c else b` becomes `b if c else a`."""
    yield _swapped(node.body, node.orelse, source)


@kind(ast.Call)
def swapped_arguments(node: ast.Call, source: Source) -> Iterator[Change]:
    """`f(a, b)` becomes `f(b, a)`."""
    for left, right in pairwise(node.args):
        if not isinstance(left, ast.Starred) and not isinstance(right, ast.Starred):
            yield _swapped(left, right, source)


@kind(ast.Dict, ast.Tuple)
def swapped_items(node: ast.Dict | ast.Tuple, source: Source) -> Iterator[Change]:
    """`(a, b)` becomes `(b, a)`; in a dictionary two neighbouring values change places."""
    for left, right in pairwise(node.values if isinstance(node, ast.Dict) else node.elts):
        if not isinstance(left, ast.Starred) and not isinstance(right, ast.Starred):
            yield _swapped(left, right, source)


@kind(ast.Constant)
def off_by_one(node: ast.Constant, source: Source) -> Iterator[Change]:
    """`0` becomes `1`, `2` becomes `1` or `3`."""
    if _is_number(node) and isinstance(node.value, int):
        yield source.span(node), str(node.value + 1)
        if node.value > 0:
            yield source.span(node), str(node.value - 1)


@kind(ast.Slice)
def slice_bound(node: ast.Slice, source: Source) -> Iterator[Change]:
    """`a[:n]` becomes `a[:n - 1]`, `a[i:]` becomes `a[i + 1:]`."""
    for bound, by in ((node.lower, "+ 1"), (node.upper, "- 1")):
        if isinstance(bound, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.BinOp):
            yield source.span(bound), f"{source.text(bound)} {by}"


@kind(ast.Constant)
def flipped_flag(node: ast.Constant, source: Source) -> Iterator[Change]:
    """`True` becomes `False`."""
    if isinstance(node.value, bool):
        yield source.span(node), str(not node.value)


@kind(ast.arguments)
def changed_default(node: ast.arguments, source: Source) -> Iterator[Change]:
    """`def f(a=None)` becomes `def f(a=False)`; numbers and flags are changed by kinds of their own."""
    for default in (*node.defaults, *node.kw_defaults):
        if isinstance(default, ast.Constant) and default.value is None:
            yield source.span(default), "False"
        elif isinstance(default, ast.Constant) and default.value in ("", " "):
            yield source.span(default), '" "' if default.value == "" else '""'


@kind(ast.Raise, ast.ExceptHandler)
def wrong_exception(node: ast.Raise | ast.ExceptHandler, source: Source) -> Iterator[Change]:
    """`raise KeyError` becomes `raise IndexError`, and so where it is caught."""
    named = node.type if isinstance(node, ast.ExceptHandler) else node.exc
    several = named.elts if isinstance(named, ast.Tuple) else [named.func if isinstance(named, ast.Call) else named]
    for name in several:
        if isinstance(name, ast.Name) and name.id in _EXCEPTIONS:
            yield source.span(name), _EXCEPTIONS[name.id]


@kind(ast.Return)
def lost_return(node: ast.Return, source: Source) -> Iterator[Change]:
    """`return a` becomes `a`, so that an early exit goes or nothing is returned."""
    if node.value is not None:
        start = source.span(node)[0]
        word = source.data[start : source.span(node.value)[0]]
        yield (start, start + len(word) - len(word.removeprefix(b"return").lstrip())), ""


@kind(ast.Break, ast.Continue)
def loop_exit(node: ast.Break | ast.Continue, source: Source) -> Iterator[Change]:
    """`break` becomes `continue`."""
    yield source.span(node), "continue" if isinstance(node, ast.Break) else "break"


@kind(ast.AugAssign)
def lost_update(node: ast.AugAssign, source: Source) -> Iterator[Change]:
    """`a += b` becomes `a = b`."""
    if token := source.token(node.target, node.value, rb"[-+*/%&|^<>@]+="):
        yield token, "="


@kind(ast.Call)
def removed_wrapper(node: ast.Call, source: Source) -> Iterator[Change]:
    """`list(a)` becomes `a`."""
    is_wrapper = isinstance(node.func, ast.Name) and node.func.id in _WRAPPERS
    if is_wrapper and len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
        yield source.span(node), _closed(node.args[0], source)


@kind(ast.Call)
def removed_keyword(node: ast.Call, source: Source) -> Iterator[Change]:
    """`f(a, key=b)` becomes `f(a)`."""
    given = sorted([*map(source.span, node.args), *map(source.span, node.keywords)])
    for keyword in node.keywords:
        span = source.span(keyword)
        if keyword.arg and (before := [end for _, end in given if end <= span[0]]):
            yield (before[-1], span[1]), ""


@kind(ast.Call)
def twin_function(node: ast.Call, source: Source) -> Iterator[Change]:
    """`min(a)` becomes `max(a)`, `any` becomes `all`, `a.keys()` becomes `a.values()`."""
    if isinstance(node.func, ast.Name) and node.func.id in _TWINS:
        yield source.span(node.func), _TWINS[node.func.id]
    elif isinstance(node.func, ast.Attribute) and node.func.attr in _TWINS:
        end = source.span(node.func)[1]
        yield (end - len(node.func.attr), end), _TWINS[node.func.attr]


@kind(ast.Assign, ast.AugAssign, ast.Expr, ast.Delete)
def removed_statement(node: ast.stmt, source: Source) -> Iterator[Change]:
    """An assignment to an attribute or item, an update, a call whose result nobody reads or a `del` goes."""
    kept = isinstance(node, ast.Assign) and all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
    idle = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call)
    if not kept and not idle and (lines := source.lines_of(node, node)):
        yield lines, ""


def _compared(node: ast.Compare, source: Source, table: dict[type[ast.AST], tuple[bytes, str]]) -> Iterator[Change]:
    for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
        if type(op) in table:
            pattern, other = table[type(op)]
            if token := source.token(left, right, pattern):
                yield token, other


def _swapped(left: ast.expr, right: ast.expr, source: Source) -> Change:
    (start, left_end), (right_start, end) = source.span(left), source.span(right)
    return (start, end), source.text(right) + source.piece((left_end, right_start)) + source.text(left)


def _closed(node: ast.expr, source: Source, loose: bool = False) -> str:
    """The text of an operand, in parentheses where it could fall apart in its new place; `loose` where it cannot."""
    text = source.text(node)
    return text if loose or isinstance(node, _ATOMS) or text.startswith("(") else f"({text})"


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
