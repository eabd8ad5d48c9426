"""The nouns of software engineering: a task, what a model handed in for it, and what that was worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from treadle.errors import DataError


@dataclass(frozen=True)
class SweInstance:
    """An issue in a repository, and the tests that say whether it is resolved.

    Args:
        instance_id: Unique within its set.
        repo: `owner/name` of the repository, or `name` of a package.
        base_commit: Commit that the issue is about; for tasks made from packages the release, `name==version`.
        problem_statement: The issue as the model sees it.
        patch: The gold patch, a unified diff.
        fail_to_pass: Tests that fail before the gold patch and pass after it, as the test runner names them.
        pass_to_pass: Tests that pass before and after.
        test_patch: Changes of tests that belong to the gold patch; applied before the tests run, never shown.
        version: Of the repository, as environments are chosen by it.
        created_at: ISO date of the issue: nothing published later is installed.
        environment_setup_commit: Where the environment's requirements are read, if not at `base_commit`.
        bug: For tasks made from packages and for SWE-smith's: the diff that brings the bug in; `None` for real issues.
        folder: For tasks made from packages: the folder of the task set, which holds the release.
        meta: What else the source says.
    """

    instance_id: str
    repo: str
    base_commit: str
    problem_statement: str
    patch: str
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    test_patch: str = ""
    version: str = ""
    created_at: str = ""
    environment_setup_commit: str = ""
    bug: str | None = None
    folder: Path | None = None
    meta: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def of_release(self) -> bool:
        """Whether its base is a release of a package, and no commit of a repository."""
        return self.bug is not None and "==" in self.base_commit


@dataclass(frozen=True)
class Prediction:
    """What a model handed in, in the fields of SWE-bench's harness.

    Args:
        model_patch: A unified diff; empty where the model gave none.
        fault: Why there is no patch, where that is known: a value of `Verdict` other than `resolved`/`unresolved`.
        reason: A line about the fault.
    """

    instance_id: str
    model_name_or_path: str
    model_patch: str
    fault: str = ""
    reason: str = ""


class MissingError(DataError):
    """What all instances of its kind need is not here: no verdict, and no reason to leave an instance out."""


class Verdict(StrEnum):
    """What a prediction was worth. All but `ENVIRONMENT` are the model's doing; every one stays in the denominator."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    EMPTY = "empty"
    EDIT_FAULT = "edit_fault"
    NOT_APPLIED = "not_applied"
    TIMEOUT = "timeout"
    ENVIRONMENT = "environment"
    CONTEXT_TOO_LONG = "context_too_long"


@dataclass(frozen=True)
class Graded:
    """A prediction's verdict.

    Args:
        reason: One line: which tests failed, why the patch did not apply, what the environment lacked.
        before, after: Status of each listed test at the base and with the patch: `passed`, `failed`, `error`,
            `skipped` or `missing` (it did not run, and so has not passed).
        rung: How the patch was applied, see `treadle.evaluate.swe.patches`; empty where it was not.
        seconds: Wall time of the tests.
    """

    instance_id: str
    verdict: Verdict
    reason: str = ""
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    rung: str = ""
    seconds: float = 0.0
