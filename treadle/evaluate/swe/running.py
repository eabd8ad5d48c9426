"""From a patch to the status of each test: a fresh checkout, the patch, the tests as they were, the sandbox.

What decides over tests (`conftest.py`, settings of pytest, files of tests) is put back from the base after the model's
patch has been applied, and then the issue's own tests are added. Environments are built before and elsewhere, so that
nothing is installed after a model's patch.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from treadle.errors import DataError
from treadle.evaluate.swe.checkouts import checkout, restore_tests
from treadle.evaluate.swe.environments import Environment, environment_for, lay_over
from treadle.evaluate.swe.harness_logs import as_log, judge_log, parser_name
from treadle.evaluate.swe.parsers import MISSING, PASSED, parse_summary
from treadle.evaluate.swe.patches import Applied, apply_patch
from treadle.evaluate.swe.pytest_runs import run_pytest
from treadle.evaluate.swe.records import SweInstance, Verdict
from treadle.evaluate.swe.sandbox import Limits, Ran, Sandbox
from treadle.evaluate.swe.smith import own_name
from treadle.evaluate.swe.trees import remove_tree
from treadle.files.links import remove

TEST_LIMITS = Limits(seconds=300, memory_mb=4096, processes=256, output_kb=16384)
"""Of a run of tests. Test suites of real repositories need more time: see `docs/swe.md`."""

_PATCHED_FILE = re.compile(r"diff --git a/.* b/(.*)")
# What of a test patch is no file of tests: the harness's list, `NON_TEST_EXTS`.
_NO_TESTS = (".json", ".png", "csv", ".txt", ".md", ".jpg", ".jpeg", ".pkl", ".yml", ".yaml", ".toml")


@dataclass(frozen=True)
class Means:
    """What tests are run with.

    Args:
        cache: Folder for environments, which later runs find there.
        mirrors: Folder of clones of real repositories.
        limits: Of each run of tests.
        unsafe_local: Run without a sandbox where none can be had.
        python: A virtual environment that serves every package task; by default each release has its own.
    """

    cache: Path
    mirrors: Path | None = None
    limits: Limits = TEST_LIMITS
    unsafe_local: bool = False
    python: Path | None = None


@dataclass(frozen=True)
class TestRun:
    """What the tests of an instance said.

    Args:
        statuses: Of each listed test, see `treadle.evaluate.swe.parsers`.
        resolved: Whether they are those of a resolved issue.
        fault: `NOT_APPLIED`, `TIMEOUT` or `ENVIRONMENT`, where the tests could not say.
        reason: A line about the fault, or about a run whose report is missing.
        applied: What became of the patch; `None` without one.
        restored: Files that the patch had changed and that were put back, or removed.
        log: What the test command printed, for a real repository in the form of SWE-bench's harness.
        seconds: Wall time of the tests.
    """

    __test__ = False  # no tests of pytest, whatever the name says

    statuses: dict[str, str] = field(default_factory=dict)
    resolved: bool = False
    fault: Verdict | None = None
    reason: str = ""
    applied: Applied | None = None
    restored: tuple[str, ...] = ()
    log: str = ""
    seconds: float = 0.0


def run_tests(instance: SweInstance, patch: str | None, means: Means) -> TestRun:
    """Run the tests of an instance with a patch, or at its base.

    Args:
        patch: A model's or the gold patch; `None` for the base as it is.

    Raises:
        TreadleError: The environment cannot be built, there is no such commit or release, no sandbox can be had, or
            nobody can read the tests of this repository.
    """
    environment = _environment(instance, means)
    with _folder() as folder:
        root, pristine = folder / "checkout", folder / "pristine"
        checkout(instance, root, means.mirrors)
        shutil.copytree(root, pristine, symlinks=True)
        added = _add_tests(instance, pristine)
        applied = apply_patch(root, patch) if patch is not None else None
        if applied and applied.fault:
            return TestRun(fault=Verdict.NOT_APPLIED, reason=f"{applied.fault}: {applied.reason}", applied=applied)
        restored = _restored(root, pristine, added)
        changed = tuple(name for name in restored if applied and name in applied.files)
        if environment is not None:
            lay_over(environment, root)
        python = environment.python if environment else means.python
        sandbox = Sandbox(root, python=python, limits=means.limits, unsafe_local=means.unsafe_local)
        if environment is None or instance.bug is not None:
            return _run_package(instance, sandbox, applied, changed)
        return _run_repository(instance, sandbox, environment.test_command, applied, changed)


def directives(instance: SweInstance) -> list[str]:
    """What the test command of a real repository is given: the test patch's files, as the harness names them."""
    files = [name for name in _PATCHED_FILE.findall(instance.test_patch) if not name.endswith(_NO_TESTS)]
    if instance.repo != "django/django":
        return files
    return [name.removesuffix(".py").removeprefix("tests/").replace("/", ".") for name in files]


def _environment(instance: SweInstance, means: Means) -> Environment | None:
    """The environment of an instance; `None` where `means` has one for it."""
    if instance.of_release and means.python is not None:
        return None
    if instance.bug is None:
        parser_name(instance)  # says at once what is not installed
    return environment_for(instance, means.cache, mirrors=means.mirrors)


def _add_tests(instance: SweInstance, pristine: Path) -> tuple[str, ...]:
    """Apply the issue's test patch to the base, and name the files that it changes."""
    if not instance.test_patch.strip():
        return ()
    added = apply_patch(pristine, instance.test_patch)
    if added.fault:
        raise DataError(f"{instance.instance_id}: its test patch does not apply ({added.fault}: {added.reason})")
    return added.files


def _restored(root: Path, pristine: Path, added: tuple[str, ...]) -> list[str]:
    """Make all that decides over tests what it is in `pristine`, and name it."""
    restored = restore_tests(root, pristine)
    for name in added:  # also what no name tells as a test's, such as data
        for place in (*reversed((root / name).parents[: name.count("/")]), root / name):
            if not place.is_dir() or place == root / name:  # also a file of the patch where a folder is needed
                remove(place)
        if (pristine / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(pristine / name, root / name)
    return sorted({*restored.put_back, *restored.removed, *added})


def _run_package(
    instance: SweInstance, sandbox: Sandbox, applied: Applied | None, restored: tuple[str, ...]
) -> TestRun:
    listed = {test: own_name(test) for test in (*instance.fail_to_pass, *instance.pass_to_pass)}
    files = sorted({name.partition("::")[0] for name in listed.values()})
    found = run_pytest(sandbox, files, own_options=not instance.of_release)
    statuses = {test: found.statuses.get(name, MISSING) for test, name in listed.items()}
    return _tested(
        sandbox, found.ran, statuses, _all_passed(statuses), found.fault, found.ran.output, applied, restored
    )


def _run_repository(
    instance: SweInstance,
    sandbox: Sandbox,
    test_command: Sequence[str],
    applied: Applied | None,
    restored: tuple[str, ...],
) -> TestRun:
    ran = sandbox.run([*test_command, *directives(instance)])
    log = as_log(ran.output, ran.code)
    if parser_name(instance) is None:
        listed = (*instance.fail_to_pass, *instance.pass_to_pass)
        found = parse_summary(ran.output, frozenset(listed))
        statuses = {test: found.get(test, MISSING) for test in listed}
        return _tested(
            sandbox, ran, statuses, _all_passed(statuses), "" if found else "no test said", log, applied, restored
        )
    report = judge_log(instance, log)
    reason = "" if report.readable else f"no test run can be read in the log (exit code {ran.code}){_last(ran.output)}"
    return _tested(sandbox, ran, report.statuses, report.resolved, reason, log, applied, restored)


def _last(output: str) -> str:
    """The last line of what a command said, to be added to a reason."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f": {lines[-1][:200]}" if lines else ""


def _all_passed(statuses: dict[str, str]) -> bool:
    return all(status == PASSED for status in statuses.values())


def _tested(
    sandbox: Sandbox,
    ran: Ran,
    statuses: dict[str, str],
    resolved: bool,
    reason: str,
    log: str,
    applied: Applied | None,
    restored: tuple[str, ...],
) -> TestRun:
    fault = None
    if ran.timed_out:
        fault, resolved = Verdict.TIMEOUT, False
        reason = f"the tests did not end within {sandbox.limits.seconds:g} seconds"
    elif ran.limit:
        reason, resolved = f"the tests passed their limit of {ran.limit}", False
    return TestRun(statuses, resolved, fault, reason, applied, restored, log, ran.seconds)


@contextmanager
def _folder() -> Iterator[Path]:
    """A scratch folder that goes whatever patched code has left in it."""
    folder = Path(tempfile.mkdtemp(prefix="treadle-swe-"))
    try:
        yield folder
    finally:
        remove_tree(folder)
