"""Reports of SWE-bench's harness in any of its forms: of a run, of one instance, or the folder of a run's logs.

The folder says most: the report of a run does not tell a patch that does not apply from tests that did not end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from treadle.errors import DataError
from treadle.evaluate.swe.parsers import FAILED, PASSED
from treadle.evaluate.swe.records import Graded, Verdict
from treadle.files.typed import checked, read_object

_REMEDY = "give the report of `swebench eval`, its MODEL.RUN.json, or the folder logs/run_evaluation/RUN/MODEL"
_REPORT, _INSTANCE_LOG = "report.json", "run_instance.log"
_LISTS = {
    "resolved_ids": (Verdict.RESOLVED, ""),
    "unresolved_ids": (Verdict.UNRESOLVED, "the harness's tests do not all pass"),
    "empty_patch_ids": (Verdict.EMPTY, "the harness was given no patch"),
    "incomplete_ids": (Verdict.EMPTY, "the harness was given no prediction"),
    "error_ids": (Verdict.UNRESOLVED, "the harness ended with an error; give its folder of logs to know which"),
}
_LOG_TAIL = 1 << 20  # characters of a log that are looked through
_LOG_SAYS = (
    (">>>>> Patch Apply Failed", Verdict.NOT_APPLIED, "the harness could not apply the patch"),
    ("Test timed out after", Verdict.TIMEOUT, "the harness ended the tests after its time"),
)


def read_report(path: Path) -> dict[str, Graded]:
    """Verdicts by instance, of what the harness wrote.

    Args:
        path: The report of a run, of an instance, or a folder that holds reports of instances.

    Raises:
        DataError: There is no such report, or its keys are not the harness's.
    """
    if path.is_dir():
        return _read_folder(path)
    try:
        content = read_object(path, _REMEDY, DataError)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {_REMEDY}") from None
    if "resolved_ids" in content:
        return _read_run(path, content)
    return {name: _read_instance(path, name, entry) for name, entry in content.items()}


def _read_run(path: Path, content: dict[str, Any]) -> dict[str, Graded]:
    reasons = checked(dict[str, str], content.get("failure_reasons", {}), str(path), _REMEDY, DataError)
    broken = set(checked(list[str], content.get("infra_failure_ids", []), str(path), _REMEDY, DataError))
    found: dict[str, Graded] = {}
    for key, (verdict, reason) in _LISTS.items():
        for name in checked(list[str], content.get(key, []), str(path), _REMEDY, DataError, key):
            if name in found:
                raise DataError(f"{path}: {name} stands in {key} and is {found[name].verdict}; {_REMEDY}")
            said = f"{reason} ({reasons[name]})" if name in reasons else reason
            if key == "error_ids" and name in broken:
                found[name] = Graded(name, Verdict.ENVIRONMENT, said)
            elif key == "error_ids" and reasons.get(name) == "tests_timed_out":
                found[name] = Graded(name, Verdict.TIMEOUT, said)
            else:
                found[name] = Graded(name, verdict, said)
    return found


def _read_instance(path: Path, name: str, entry: Any) -> Graded:
    said = checked(dict[str, Any], entry, str(path), _REMEDY, DataError, name)
    if not isinstance(said.get("resolved"), bool):
        raise DataError(f"{path}: {name}.resolved: expected true or false, found {said.get('resolved')!r}; {_REMEDY}")
    kind = dict[str, dict[str, list[str]]]
    tests = checked(kind, said.get("tests_status", {}), str(path), _REMEDY, DataError, f"{name}.tests_status")
    after = {
        test: status
        for group in tests.values()
        for key, status in (("success", PASSED), ("failure", FAILED))
        for test in group.get(key, [])
    }
    if said["resolved"]:
        return Graded(name, Verdict.RESOLVED, after=after)
    if said.get("patch_exists") is False:
        return Graded(name, Verdict.EMPTY, "the harness was given no patch")
    if said.get("infra_failure") is True:
        return Graded(name, Verdict.ENVIRONMENT, f"the harness: {said.get('infra_failure_reason', 'infra_failure')}")
    if said.get("patch_successfully_applied") is False:
        return Graded(name, Verdict.UNRESOLVED, "the harness found no test run in its log")
    failed = [test for test, status in after.items() if status == FAILED]
    return Graded(name, Verdict.UNRESOLVED, f"{len(failed)} of {len(after)} tests do not pass", after=after)


def _read_folder(folder: Path) -> dict[str, Graded]:
    found: dict[str, Graded] = {}
    for place in _instances(folder):
        report = place / _REPORT
        graded = read_report(report) if report.is_file() else {place.name: _unreported(place)}
        if twice := found.keys() & graded.keys():
            raise DataError(f"{folder}: holds {min(twice)} twice; give the folder of one model and run")
        found |= graded
    if not found:
        raise DataError(f"{folder}: holds no {_REPORT} and no {_INSTANCE_LOG}; {_REMEDY}")
    return found


def _instances(folder: Path) -> Iterator[Path]:
    """Folders of instances: `folder` itself, or one or two levels below it."""
    for place in (folder, *sorted(folder.glob("*")), *sorted(folder.glob("*/*"))):
        if (place / _REPORT).is_file() or (place / _INSTANCE_LOG).is_file():
            yield place


def _unreported(place: Path) -> Graded:
    """An instance without a report: the log says where it ended."""
    text = (place / _INSTANCE_LOG).read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
    for said, verdict, reason in _LOG_SAYS:
        if said in text:
            return Graded(place.name, verdict, reason)
    return Graded(place.name, Verdict.ENVIRONMENT, f"the harness wrote no report; see {place / _INSTANCE_LOG}")
