"""What an episode stands in: a checkout of its own, and for agents a sandbox with the environment of its repository."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from treadle.evaluate.swe.checkouts import checkout
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.sandbox import Limits, Sandbox, needed
from treadle.evaluate.swe.trees import remove_tree
from treadle.files.whole import writing

COMMAND = Limits(seconds=60)


@dataclass(frozen=True)
class Worlds:
    """Where checkouts and environments come from.

    Args:
        cache: Folder of the environments.
        mirrors: Folder of the clones of real repositories.
        limits: Of each command of an agent.
        unsafe_local: Run commands without a sandbox where none can be had.
        python: A virtual environment, or the prefix of an interpreter, for all made tasks; by default each release
            has its own.
    """

    cache: Path
    mirrors: Path | None = None
    limits: Limits = COMMAND
    unsafe_local: bool = False
    python: Path | None = None

    def check(self) -> None:
        """Raise `SandboxError` where commands can be run in no way that is allowed."""
        needed(self.unsafe_local)

    @contextmanager
    def pristine(self, instance: SweInstance, work: Path) -> Iterator[Path]:
        """The checkout of an instance at its base.

        Raises:
            TreadleError: There is no such clone, commit or release.
        """
        folder = work / instance.instance_id.replace("/", "_")
        remove_tree(folder)
        try:
            yield checkout(instance, folder / "pristine", self.mirrors)
        finally:
            remove_tree(folder)

    def workplace(self, instance: SweInstance, pristine: Path) -> Sandbox:
        """A copy of a checkout in which an agent works.

        Raises:
            TreadleError: The environment cannot be built, or no sandbox can be had.
        """
        root = pristine.with_name("testbed")
        python = self._python(instance, pristine)
        with writing(root):
            shutil.copytree(pristine, root, symlinks=True)
        return Sandbox(root, python=python, limits=self.limits, unsafe_local=self.unsafe_local)

    def breaks(self, instance: SweInstance) -> Callable[[str], int]:
        """For the choice by tests: how many tests that pass at the base a patch breaks.

        The tests are those of the repository as it stands at the base; the issue's own are not run.
        """
        from treadle.evaluate.swe.running import Means, run_tests

        visible = replace(instance, test_patch="")
        means = Means(self.cache, self.mirrors, unsafe_local=self.unsafe_local, python=self.python)
        known: list[set[str]] = []

        def broken(patch: str) -> int:
            if not known:
                known.append(_passed(run_tests(visible, None, means).statuses))
            return len(known[0] - _passed(run_tests(visible, patch, means).statuses))

        return broken

    def _python(self, instance: SweInstance, pristine: Path) -> Path:
        """The environment; what its build adds to a checkout is laid there, and is no part of a change."""
        if self.python is not None and instance.of_release:
            return self.python
        from treadle.evaluate.swe.environments import environment_for, lay_over

        environment = environment_for(instance, self.cache, mirrors=self.mirrors)
        lay_over(environment, pristine)
        return environment.python


def _passed(statuses: dict[str, str]) -> set[str]:
    return {test for test, status in statuses.items() if status == "passed"}
