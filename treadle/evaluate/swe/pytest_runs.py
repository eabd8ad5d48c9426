"""Runs the tests of a package in a sandbox: one command for making tasks, validating and grading them.

pytest is loaded before the checkout can be imported, so that no file of it takes pytest's place, and without the
options that the package gives it (`addopts`), which may ask for plugins that are not there. It writes a report beside
the tests, under a name that is new for each run. Code under test runs in pytest's own process and can still lie.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from treadle.errors import TreadleError
from treadle.evaluate.swe.parsers import ERROR, FAILED, MOST_REPORT, ReportFault, junit_failures, parse_junit
from treadle.evaluate.swe.sandbox import Limits, Ran, Sandbox
from treadle.evaluate.swe.trees import remove_tree

_RAN = (0, 1)  # exit codes of pytest: all that ran passed; some failed
_WRONG = 4
_CODES = {2: "was interrupted", 3: "failed itself", _WRONG: "was called wrongly", 5: "found no tests"}
_SOURCES = ("src", "lib", ".")  # where packages have their modules


@dataclass(frozen=True)
class PackageRun:
    """A run of a package's tests.

    Args:
        statuses: Of each test that the report names, see `treadle.evaluate.swe.parsers`; empty where it is not
            believed.
        fault: In a line why it is not; empty where it is.
        failures: What pytest says of each test that failed: its message, and its account with short tracebacks.
    """

    statuses: dict[str, str]
    ran: Ran
    fault: str = ""
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)


def run_pytest(
    sandbox: Sandbox, tests: Sequence[str] = (), limits: Limits | None = None, *, own_options: bool = False
) -> PackageRun:
    """Run tests of the package whose checkout the sandbox holds.

    Args:
        tests: Files, folders or ids; all tests without.
        own_options: With the options that the package gives pytest, where it takes them (plugins may be missing): ids
            that another run has listed may depend on them, such as those of doctests.

    Raises:
        SandboxError: The sandbox did not start.
    """
    if own_options:
        found = _run(sandbox, tests, limits, ())
        if found.ran.code != _WRONG:
            return found
    sources = " ".join(f"'{os.path.join(sandbox.path, folder)}'" for folder in _SOURCES)
    return _run(sandbox, tests, limits, ("addopts=", f"pythonpath={sources}"))


def _run(sandbox: Sandbox, tests: Sequence[str], limits: Limits | None, settings: tuple[str, ...]) -> PackageRun:
    name = f".treadle-{secrets.token_hex(8)}.xml"
    files = _python_files(sandbox.root)
    settings = (*settings, "junit_family=xunit1", "junit_logging=no")
    flags = ["-q", "--tb=short", "--color=no", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    command = [
        *("python", "-m", "pytest", *flags, f"--rootdir={sandbox.path}"),
        *(word for setting in settings for word in ("-o", setting)),
        *(f"--junitxml={os.path.join(sandbox.path, name)}", *tests),
    ]
    ran = sandbox.run(command, env={"PYTHONSAFEPATH": "1"}, limits=limits)
    try:
        report = _read(sandbox.root / name)
        statuses = _believed(parse_junit(report, files), ran)
        return PackageRun(statuses, ran, failures=junit_failures(report, files))
    except ReportFault as fault:
        return PackageRun({}, ran, f"{_ended(ran)}, with {fault}")
    finally:
        with suppress(TreadleError):  # patched code may have made a folder of it, or locked the checkout
            remove_tree(sandbox.root / name)


def _read(path: Path) -> bytes:
    """A report, from a folder that patched code could write to: only a plain file is opened."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise ReportFault("no report") from None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ReportFault("a report that is no file")
        with open(file, "rb", closefd=False) as report:
            return report.read(MOST_REPORT + 1)
    finally:
        os.close(file)


def _believed(statuses: Mapping[str, str], ran: Ran) -> dict[str, str]:
    """The statuses, where the exit code says the same."""
    if ran.code not in _RAN:
        raise ReportFault("a report that does not count")
    if ran.code == 1 and not {FAILED, ERROR} & set(statuses.values()):
        raise ReportFault("a report that names no failure")
    return dict(statuses)


def _ended(ran: Ran) -> str:
    if ran.limit:
        return f"the tests passed their limit of {ran.limit}"
    return f"pytest {_CODES[ran.code]}" if ran.code in _CODES else f"the tests ended with code {ran.code}"


def _python_files(root: Path) -> list[str]:
    """Before the run; links are not followed."""
    return [
        os.path.relpath(os.path.join(folder, file), root)
        for folder, _, files in os.walk(root)
        for file in files
        if file.endswith(".py")
    ]
