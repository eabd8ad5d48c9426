"""The steps by which an environment is filled: of a repository of SWE-bench, of one of SWE-smith, of a release."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from treadle.evaluate.swe.archives import unpack
from treadle.evaluate.swe.checkouts import checkout, tag_before
from treadle.evaluate.swe.installing import Builder, EnvironmentError_, files_of
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.smith import needed_files
from treadle.evaluate.swe.specs import Spec, conda_requirements, requirements_in, what_tests_need

_WITHOUT = "without what its tests say that they require, which cannot be installed"


def build_bench(builder: Builder, instance: SweInstance, spec: Spec, setup: str, mirrors: Path | None) -> str:
    """In the order of the harness: interpreter, requirements, edits of the repository's own, the repository.

    Args:
        setup: The commit whose requirements are read.

    Returns:
        What is not as the specification says, on one line.
    """
    tree = checkout(instance, builder.folder / "tree", mirrors, commit=setup)
    had = files_of(tree)
    notes = _interpreter(builder, spec)
    given = next((tree / name for name in spec.requirements if (tree / name).is_file()), None)
    if given:
        notes += _what_can_be(builder, [*requirements_in(given), "pytest"], given.parent)
    conda = next((tree / name for name in spec.conda if (tree / name).is_file()), None)
    if conda:  # packages of conda are built
        notes += _what_can_be(builder, conda_requirements(conda), conda.parent, ["--only-binary=:all:"])
    moved = builder.install_pinned(spec.packages)
    notes += [f"another wheel of its series in place of {pin}" for pin in moved]
    if spec.test_command[0] in ("pytest", "python") and not conda:
        builder.install(["pytest"])
    _edit(builder, spec, tree)
    if spec.install:
        before = builder.distributions()
        version = re.sub(r"^v|[^0-9.].*", "", instance.version)
        builder.install_tree(spec.install, tree, spec.flags, version)
        builder.take_out(before, tree, had)
    notes += [f"left out: {line}" for line in spec.left_out]
    return "; ".join(notes)


def build_smith(builder: Builder, instance: SweInstance, spec: Spec, mirrors: Path | None) -> str:
    """What the profile says, and what the repository says that its tests require.

    Returns:
        As `build_bench`.
    """
    tree = checkout(instance, builder.folder / "tree", mirrors)
    had = files_of(tree)
    notes = _interpreter(builder, spec)
    extras, requirements = what_tests_need(tree)
    for file in needed_files(spec, tree):
        notes += _what_can_be(builder, requirements_in(file), file.parent)
    notes += _what_can_be(builder, [*spec.packages, *requirements, "pytest"], tree)
    _edit(builder, spec, tree)
    before = builder.distributions()
    version = re.sub(r"^v|[^0-9.].*", "", tag_before(instance, mirrors))
    if extras and spec.install == ".":
        try:
            builder.install_tree(f".[{','.join(extras)}]", tree, spec.flags, version)
        except EnvironmentError_:
            notes.append(_WITHOUT)
            extras = []
    if not extras or spec.install != ".":
        builder.install_tree(spec.install, tree, spec.flags, version)
    builder.take_out(before, tree, had)
    notes += [f"left out: {line}" for line in spec.left_out]
    return "; ".join(notes)


def build_release(builder: Builder, sdist: Path) -> str:
    """What a release requires, what its tests require as far as it says so, and pytest.

    Returns:
        As `build_bench`.
    """
    tree = builder.folder / "tree"
    unpack(sdist, tree)
    had = files_of(tree)
    builder.make(own_python())
    before = builder.distributions()
    extras, requirements = what_tests_need(tree)
    note = ""
    try:
        builder.install([f".[{','.join(extras)}]" if extras else ".", "pytest", *requirements], tree)
    except EnvironmentError_:
        if not extras and not requirements:
            raise
        builder.install([".", "pytest"], tree)
        note = _WITHOUT
    builder.take_out(before, tree, had)
    return note


def own_python() -> str:
    """The version of Python that treadle runs on."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _interpreter(builder: Builder, spec: Spec) -> list[str]:
    taken = builder.make(spec.python)
    builder.install(["pip", "setuptools", "wheel"])
    return [f"Python {taken} in place of {spec.python}"] if taken != spec.python else []


def _what_can_be(builder: Builder, lines: Sequence[str], folder: Path, flags: Sequence[str] = ()) -> list[str]:
    return [f"cannot be installed: {line}" for line in builder.install_what_can_be(lines, folder, flags)]


def _edit(builder: Builder, spec: Spec, tree: Path) -> None:
    for line in spec.edits:
        with suppress(EnvironmentError_):  # the harness goes on, too, where a line has nothing to change
            builder.run(["bash", "-c", line], tree)
