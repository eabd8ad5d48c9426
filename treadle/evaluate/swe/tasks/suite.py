"""A package's tests, run in the sandbox: which passed, and what pytest says of those that failed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from treadle.evaluate.swe.parsers import ERROR, FAILED, ReportFault, junit_cases, parse_junit
from treadle.evaluate.swe.sandbox import Limits, Sandbox

REPORT = ".treadle-report.xml"
_MOST_REPORT = 64 << 20
COMMAND = (
    *("python", "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "-q"),
    # What a package adds to every run needs plugins that its users do not have.
    *("-o", "addopts=", "-o", "junit_family=xunit1", f"--junitxml={REPORT}"),
)


@dataclass(frozen=True)
class Suite:
    """A run of tests.

    Args:
        statuses: Of each test by its id, see `treadle.evaluate.swe.parsers`.
        failures: Of those that failed: pytest's message and its account.
        seconds: Wall time.
        broken: Why there is no report, in a line; empty where there is one.
        timed_out: The limit of time was the reason.
    """

    statuses: dict[str, str] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    broken: str = ""
    timed_out: bool = False


def run_suite(sandbox: Sandbox, paths: Sequence[str], limits: Limits, tests: Sequence[str] = ()) -> Suite:
    """Run a package's tests.

    Args:
        sandbox: Of its tree.
        paths: Folders of the tree that belong on Python's path.
        tests: Ids or files; all without.

    Raises:
        SandboxError: The sandbox did not start.
    """
    report = sandbox.root / REPORT
    path = ":".join(os.path.normpath(f"{sandbox.path}/{each}") for each in paths)
    ran = sandbox.run([*COMMAND, *tests], env={"PYTHONPATH": path}, limits=limits)
    last = next((line for line in reversed(ran.output.splitlines()) if line.strip()), "it printed nothing")
    if ran.timed_out:
        return Suite(seconds=ran.seconds, broken=f"took more than {limits.seconds:g} s", timed_out=True)
    files = [str(file.relative_to(sandbox.root)) for file in sandbox.root.rglob("*.py")]
    try:
        content = _read(report)
        statuses = parse_junit(content, files)
        cases = dict(junit_cases(content, files))
    except (OSError, ReportFault) as error:
        return Suite(seconds=ran.seconds, broken=f"no report of the tests ({error}); last line: {last:.200}")
    failures = {}
    for test, status in statuses.items():
        if status in (FAILED, ERROR):
            said = next((part for part in cases[test] if part.tag in ("failure", "error")), None)
            failures[test] = (said.get("message", ""), said.text or "") if said is not None else ("", "")
    broken = "" if statuses else f"no tests ran; last line: {last:.200}"
    return Suite(statuses, failures, ran.seconds, broken)


def _read(path: Path) -> bytes:
    """A report that tests may have replaced: a regular file, and not more than one may have."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ReportFault("no regular file")
        content = file.read(_MOST_REPORT + 1)
    with suppress(OSError):
        path.unlink()
    return content
