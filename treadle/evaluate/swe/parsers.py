"""What a run of pytest says of each test: from its report in JUnit's form, or from its `-rA` summary.

Tasks made from packages are run by our own command (`treadle.evaluate.swe.running`), which has pytest write a report:
what tests print cannot imitate it. Logs of SWE-bench's repositories are read by its own parsers, see
`treadle.evaluate.swe.official`; a repository that it does not know by its `-rA` summary.

A test that no report names did not run, and so has not passed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from xml.etree import ElementTree

PASSED, FAILED, ERROR, SKIPPED, MISSING = "passed", "failed", "error", "skipped", "missing"
"""Of a test; `MISSING` for one that did not run."""

_WORST_LAST = (PASSED, SKIPPED, FAILED, ERROR)
MOST_REPORT = 64 << 20  # bytes; a test takes some hundred
_SUMMARY = re.compile(r"=+ short test summary info =+")
_END = re.compile(r"=+ .*\bin [\d.]+s\b.*=+|=+ no tests ran.*=+")
_COLOURS = re.compile(r"\x1b\[[\d;]*m")
_JUNIT = {"error": ERROR, "failure": FAILED, "skipped": SKIPPED}
_OF_PYTEST = {"PASSED": PASSED, "FAILED": FAILED, "ERROR": ERROR, "XFAIL": SKIPPED, "XPASS": PASSED}


class ReportFault(ValueError):
    """A report that is none: the run broke off, or something else wrote it."""


def parse_junit(report: bytes, files: Iterable[str]) -> dict[str, str]:
    """Status of each test by its id, from a report that pytest wrote with `junit_family=xunit1`.

    A test that failed as expected (`xfail`) has not shown that it passes and is `skipped`. Of a test that is named
    twice, as one that passes and whose teardown fails, the worse status counts.

    Args:
        files: Python files of the checkout, by which tests that a class inherits from another file are known.

    Raises:
        ReportFault: It is no such report.
    """
    found: dict[str, str] = {}
    for test, case in _cases(report, files):
        _keep_worse(found, test, _junit_status(case))
    return found


def junit_failures(report: bytes, files: Iterable[str]) -> dict[str, tuple[str, str]]:
    """What such a report says of each test that failed: the message and the account of it; as `parse_junit`."""
    said: dict[str, tuple[str, str]] = {}
    for test, case in _cases(report, files):
        for part in case:
            if part.tag in ("failure", "error"):
                said.setdefault(test, (part.get("message", ""), part.text or ""))
    return said


def _cases(report: bytes, files: Iterable[str]) -> Iterator[tuple[str, ElementTree.Element]]:
    if len(report) > MOST_REPORT:
        raise ReportFault(f"a report of {len(report):,} bytes, expected at most {MOST_REPORT:,}")
    if b"<!DOCTYPE" in report or b"<!ENTITY" in report:  # pytest writes neither, and entities can grow without bound
        raise ReportFault("a report with declarations, which pytest does not write")
    try:
        cases = list(ElementTree.fromstring(report).iter("testcase"))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ReportFault(f"a report that is no XML ({error})") from None
    modules = {_module(file): file for file in files}
    for case in cases:
        yield _junit_id(case.attrib, modules), case


def _junit_status(case: ElementTree.Element) -> str:
    parts = {part.tag for part in case}
    return next((status for tag, status in _JUNIT.items() if tag in parts), PASSED)


def _junit_id(named: Mapping[str, str], modules: Mapping[str, str]) -> str:
    """`tests/test_a.py::TestB::test_c[d]` of the class name `tests.test_a.TestB` and the name `test_c[d]`."""
    group, name, file = named.get("classname", ""), named.get("name", ""), named.get("file", "")
    module = _module(file)
    if not (file and f"{group}.".startswith(f"{module}.")):  # the file of the class that the test is inherited from
        names = group.split(".")
        starts = (".".join(names[:count]) for count in range(len(names), 0, -1))
        module = next((start for start in starts if start in modules), names[0])
        file = modules.get(module, module)
    classes = group[len(module) + 1 :].split(".")
    return "::".join(part for part in (file, *classes, name) if part)


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


def parse_summary(log: str, known: Collection[str] = ()) -> dict[str, str]:
    """Status of each test by its id, from the last summary that `pytest -rA` printed.

    Only lines of that section count: what tests print stands before it. Skipped tests have no ids there.

    Args:
        known: Ids that are looked for; they tell an id that holds ` - ` from one that a message follows.
    """
    lines = [_COLOURS.sub("", line).rstrip("\r") for line in log.split("\n")]
    starts = [number for number, line in enumerate(lines) if _SUMMARY.fullmatch(line)]
    found: dict[str, str] = {}
    for line in lines[starts[-1] + 1 :] if starts else ():
        if _END.fullmatch(line):
            break
        word, _, rest = line.partition(" ")
        if word in _OF_PYTEST and rest:
            _keep_worse(found, _summary_id(rest, known), _OF_PYTEST[word])
    return found


def _summary_id(text: str, known: Collection[str]) -> str:
    """The id that a line of the summary begins with; ` - ` and a message may follow."""
    ends = [found.start() for found in re.finditer(" - ", text)]
    for end in (*reversed(ends), len(text)):
        if text[:end] in known:
            return text[:end]
    parameters = text.find("[")
    if parameters >= 0 and (not ends or parameters < ends[0]):
        ends = [end for end in ends if text[end - 1] == "]"]
    return text[: ends[0]] if ends else text


def _keep_worse(found: dict[str, str], test: str, status: str) -> None:
    found[test] = max(found.get(test, status), status, key=_WORST_LAST.index)
