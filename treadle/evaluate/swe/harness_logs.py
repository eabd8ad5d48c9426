"""Logs in the form of SWE-bench's harness, judged by its own parsers and its own report (extra `swe`).

A local run of a real repository is written down as the harness writes its own, and read by the same functions, so a
verdict on a log is the same here and there. What differs is where the log comes from: see `docs/swe.md`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from treadle.errors import DataError
from treadle.evaluate.swe.parsers import ERROR, FAILED, MISSING, PASSED, SKIPPED
from treadle.evaluate.swe.records import MissingError, SweInstance
from treadle.extras import install

_STATUS = {"PASSED": PASSED, "XFAIL": PASSED, "FAILED": FAILED, "ERROR": ERROR, "SKIPPED": SKIPPED}
_MARK = ">>>>> "  # what every mark of the harness begins with


@dataclass(frozen=True)
class LogReport:
    """What the harness makes of a log.

    Args:
        resolved: Its verdict.
        readable: Whether it found a test run in it; where not, no test has passed.
        statuses: Of each listed test.
    """

    resolved: bool
    readable: bool
    statuses: dict[str, str]


def parser_name(instance: SweInstance) -> str | None:
    """Name of SWE-bench's parser for this repository; `None` where it keeps none.

    Raises:
        MissingError: The extra is not installed.
    """
    if find_spec("swebench") is None:
        raise MissingError(
            f"{instance.instance_id}: the tests of {instance.repo} are read by swebench, which is not installed; "
            f"get it with {install('swe')}"
        )
    from swebench.harness.log_parsers import PARSER_REGISTRY
    from swebench.harness.log_parsers.python import MAP_REPO_TO_PARSER_PY

    named = instance.meta.get("log_parser")
    if isinstance(named, str) and named in PARSER_REGISTRY:
        return named
    parser = MAP_REPO_TO_PARSER_PY.get(instance.repo)
    return next((name for name, known in PARSER_REGISTRY.items() if known is parser), None)


def as_log(output: str, code: int | None) -> str:
    """What a test command printed, as the harness writes it down after a patch has been applied.

    Marks of the harness in what was printed lose a character, so that patched code cannot end the log or give an exit
    code.

    Args:
        code: The command's exit code; `None` where it was ended from outside.
    """
    from swebench.harness.constants import APPLY_PATCH_PASS, END_TEST_OUTPUT, START_TEST_OUTPUT, TEST_EXIT_CODE

    output = output.replace(_MARK, _MARK[1:])
    ended = f"{TEST_EXIT_CODE}: {code}\n" if code is not None else ""
    return f"{APPLY_PATCH_PASS}\n{START_TEST_OUTPUT}\n{output}\n{END_TEST_OUTPUT}\n{ended}"


def judge_log(instance: SweInstance, log: str) -> LogReport:
    """The harness's report on a log.

    Raises:
        DataError: The extra is not installed, or SWE-bench has no parser for the repository.
    """
    name = parser_name(instance)
    if name is None:
        raise DataError(f"{instance.instance_id}: SWE-bench has no parser for logs of {instance.repo}")
    from swebench.harness.grading import get_eval_report, get_logs_eval
    from swebench.types import TestSpec

    written = {test: _as_written(name, test) for test in (*instance.fail_to_pass, *instance.pass_to_pass)}
    spec = TestSpec(
        instance_id=instance.instance_id,
        image="",
        eval_script_list=[],
        repo=instance.repo,
        version=instance.version,
        FAIL_TO_PASS=list(dict.fromkeys(written[test] for test in instance.fail_to_pass)),
        PASS_TO_PASS=list(dict.fromkeys(written[test] for test in instance.pass_to_pass)),
        log_parser=name,
        eval_type="pass_and_fail",
    )
    handed_in = {"instance_id": instance.instance_id, "model_name_or_path": "", "model_patch": "-"}
    with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
        path = Path(folder) / "test_output.txt"
        path.write_text(log, encoding="utf-8", errors="backslashreplace")
        report = get_eval_report(spec, handed_in, str(path), include_tests_status=True)[instance.instance_id]
        raw, readable = get_logs_eval(spec, str(path))
    passed = {test for group in report.get("tests_status", {}).values() for test in group["success"]}
    statuses = {test: _status(raw.get(name), name in passed) for test, name in written.items()}
    return LogReport(bool(report["resolved"]), readable, statuses)


def _as_written(parser: str, test: str) -> str:
    """A listed id as the parser gives those of a log.

    Early rows of SWE-bench name tests with the folders of the machine that they were made on
    (`test_a[/home/me/data/x.dcm]`), and the parsers keep of such a path its last part: without this they never pass.
    """
    from swebench.harness.log_parsers import PARSER_REGISTRY

    if "[/" not in test:
        return test
    found = list(PARSER_REGISTRY[parser](f"PASSED {test}", None))
    return found[0] if len(found) == 1 else test


def _status(raw: str | None, passed: bool) -> str:
    """A listed id whose parameters SWE-bench has cut short stands for the tests that begin with it."""
    if raw is None:
        return PASSED if passed else MISSING
    return _STATUS.get(raw, FAILED)
