"""Bugs for a source file: small changes of its functions, each of one kind, all other bytes as they were.

The idea is that of SWE-smith's procedural modifiers (https://arxiv.org/abs/2504.21798), written anew on spans of the
source instead of a tree that is printed again, so that the diff of a bug shows the bug alone.
"""

from __future__ import annotations

import ast
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from treadle.evaluate.swe.tasks.kinds import KINDS
from treadle.evaluate.swe.tasks.spans import Source

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """A change of one place in a source file.

    Args:
        kind: Its kind, a name of `treadle.evaluate.swe.tasks.kinds.KINDS`.
        function: The outermost function that it is in, `name` or `Class.name`.
        line: First line of the change, counted from 1.
        before, after: The text that goes, and what takes its place.
        start: Offset of `before` in the source, in bytes.
        original: The source without the change.
    """

    kind: str
    function: str
    line: int
    before: str
    after: str
    start: int
    original: str = field(repr=False)

    @property
    def source(self) -> str:
        """The source with the change."""
        data = self.original.encode()
        return (data[: self.start] + self.after.encode() + data[self.start + len(self.before.encode()) :]).decode()


def mutants(source: str, seed: int = 0) -> Iterator[Mutant]:
    """Changes of a source file that are valid Python and another program, in an order by the seed, see `spread`.

    Args:
        source: The file's text; none are found where this interpreter cannot read it.
    """
    return filter(is_another_program, spread(candidates(source), random.Random(seed)))


def candidates(source: str) -> list[Mutant]:
    """All changes that the kinds offer, in the order of the source; some may not be valid Python."""
    try:
        read = Source(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: dict[tuple[int, int, str], Mutant] = {}
    for name, function in _functions(read.tree):
        for node in _inside(function):
            for kind, (types, offer) in KINDS.items():
                if not isinstance(node, types):
                    continue
                for (start, end), after in offer(node, read):
                    before = read.piece((start, end))
                    line = read.data[:start].count(b"\n") + 1
                    if before != after:
                        found.setdefault((start, end, after), Mutant(kind, name, line, before, after, start, source))
    return sorted(found.values(), key=lambda mutant: (mutant.start, mutant.kind, mutant.after))


def is_another_program(mutant: Mutant) -> bool:
    """Whether a change is valid Python and not the same syntax tree."""
    try:
        changed = Source(mutant.source).tree
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return ast.dump(changed) != ast.dump(ast.parse(mutant.original))


def spread(found: Sequence[Mutant], chance: random.Random, places: Sequence[str] = ()) -> Iterator[Mutant]:
    """Mutants in an order in which kinds and functions take turns, so that the first n are of many of both.

    Args:
        chance: Decides what nothing else does.
        places: Names the file of each mutant, where they come from several; functions of other files are others.
    """
    places = places or [""] * len(found)
    by_function: dict[tuple[str, str], list[Mutant]] = {}
    for mutant, place in zip(found, places, strict=True):
        by_function.setdefault((place, mutant.function), []).append(mutant)
    turns = list(by_function.values())
    chance.shuffle(turns)
    for group in turns:
        chance.shuffle(group)
    taken: Counter[str] = Counter()
    while turns:
        for group in turns:
            mutant = min(group, key=lambda mutant: taken[mutant.kind])
            group.remove(mutant)
            taken[mutant.kind] += 1
            yield mutant
        turns = [group for group in turns if group]


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions of a module and of its classes, at any depth of `if` and `try` around them."""
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _FUNCTIONS):
                yield prefix + child.name, child
            elif isinstance(child, ast.ClassDef):
                waiting.append((f"{prefix}{child.name}.", child))
            else:
                waiting.append((prefix, child))


def _inside(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function that may be changed.

    Not annotations and decorators, which tests seldom see; not texts with holes in them, whose parts have wrong places
    before Python 3.12.
    """
    waiting: list[ast.AST] = [function.args, *function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.JoinedStr):
            continue
        yield node
        if isinstance(node, _FUNCTIONS):
            waiting += [node.args, *node.body]
        elif isinstance(node, ast.arguments):
            waiting += [default for default in (*node.defaults, *node.kw_defaults) if default is not None]
        elif isinstance(node, ast.AnnAssign):
            waiting += [node.target, *([node.value] if node.value else [])]
        else:
            waiting += ast.iter_child_nodes(node)
