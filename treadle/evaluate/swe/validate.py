"""Whether a task can be graded here: its gold patch resolves it, and the base does not.

What does not validate is written down with the reason and left out by name: its verdicts would say something about the
machine, and nothing about a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from treadle.errors import DataError, OutputError, TreadleError
from treadle.evaluate.store import Journal, read_json, read_lines, write_json
from treadle.evaluate.swe.grading import failed_tests
from treadle.evaluate.swe.records import MissingError, SweInstance
from treadle.evaluate.swe.results import VALIDATION, digest_of
from treadle.evaluate.swe.running import Means, TestRun, run_tests
from treadle.evaluate.swe.sandbox import SandboxError
from treadle.evaluate.swe.working import in_turn
from treadle.files.locks import alone
from treadle.files.typed import checked, record_of

ENVIRONMENT = "environment: "
"""Begins the reason where the machine is at fault."""
_FORMAT = 1
_NETWORK = re.compile(
    r"name resolution|Name or service not known|No address associated with|Network is unreachable|"
    r"Failed to establish a new connection|[Dd]ownload (failure|failed|error)"
)
_REMEDY = "delete it, and run treadle swe validate again"


@dataclass(frozen=True)
class Validation:
    """What the gold patch did to an instance.

    Args:
        digest: Of the instance; another one has not been validated.
        reason: Why it does not validate; empty where it does.
        before: Status of each listed test at the base.
        seconds: Of the two runs of the tests.
    """

    instance_id: str
    digest: str
    valid: bool
    reason: str = ""
    before: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def validation_file(tasks: str | Path) -> Path:
    """Where validations of tasks are kept: in their folder, or beside their file.

    Raises:
        DataError: The tasks are on the hub.
    """
    path = Path(tasks)
    if path.is_dir():
        return path / VALIDATION
    if path.exists():
        return path.with_name(f"{path.name}.{VALIDATION}")
    raise DataError(f"{tasks}: not on this computer; name a file for the validations with -o")


def validate_one(instance: SweInstance, means: Means) -> Validation:
    """Run the tests of an instance at its base and with its gold patch.

    Raises:
        SandboxError: No sandbox can be had.
        MissingError: What all instances need is not here.
        OutputError: The disk is full, or cannot be written to.
    """
    name, digest = instance.instance_id, digest_of(instance)
    try:
        base = run_tests(instance, None, means)
        if base.resolved:
            reason = "the tests pass without the gold patch"
            return Validation(name, digest, False, reason, base.statuses, round(base.seconds, 3))
        gold = run_tests(instance, instance.patch, means)
    except (SandboxError, MissingError, OutputError):
        raise
    except TreadleError as error:
        return Validation(name, digest, False, f"{ENVIRONMENT}{' '.join(str(error).split())}")
    reason = "" if gold.resolved else f"gold patch: {_why(instance, gold)}"
    return Validation(name, digest, gold.resolved, reason, base.statuses, round(base.seconds + gold.seconds, 3))


def _why(instance: SweInstance, run: TestRun) -> str:
    """What did not pass, and how much of the log speaks of a network, which a sandbox has not."""
    said = run.reason or failed_tests(instance, run.statuses)
    asked = sum(bool(_NETWORK.search(line)) for line in run.log.splitlines())
    return f"{said}; {asked} lines of the log speak of the network, and the sandbox has none" if asked else said


def validate(
    instances: Sequence[SweInstance],
    file: Path,
    means: Means,
    *,
    workers: int = 1,
    known: Mapping[str, Validation] | None = None,
    retry: bool = True,
) -> dict[str, Validation]:
    """Validate the instances that are not yet, and write all down; what was stopped goes on.

    Args:
        file: `validation.json`.
        known: Validations from elsewhere, which are taken as they are.
        retry: Whether those that did not validate are tried again; if not, those are whose environment failed here.

    Returns:
        A validation for each instance, by its id.

    Raises:
        OutputError: The file is damaged or cannot be written.
        SandboxError: No sandbox can be had.
    """
    with ExitStack() as stack:
        stack.enter_context(alone(file))
        journal = Journal(_journal(file))
        stack.callback(journal.close)
        found = {**read_validations(file), **(known or {})}
        done = {one.instance_id: found[one.instance_id] for one in instances if is_of(found.get(one.instance_id), one)}
        again = {
            name
            for name, one in done.items()
            if not one.valid and (retry or (one.reason.startswith(ENVIRONMENT) and name not in (known or {})))
        }
        todo = [one for one in instances if one.instance_id not in done or one.instance_id in again]
        for validation in in_turn(lambda one: validate_one(one, means), todo, workers):
            journal.append(asdict(validation))
            done[validation.instance_id] = validation
        ordered = {one.instance_id: done[one.instance_id] for one in instances}
        write_json(file, _content(found | ordered))
        _journal(file).unlink()
    return ordered


def is_of(validation: Validation | None, instance: SweInstance) -> bool:
    """Whether a validation is of this instance, as it is now."""
    return validation is not None and validation.digest == digest_of(instance)


def read_validations(file: Path) -> dict[str, Validation]:
    """Validations by instance, also of a run that was stopped; none where there is no file.

    Raises:
        OutputError: The file is damaged.
    """
    found: list[object] = []
    if file.exists():
        content = read_json(file, "", _REMEDY)
        if content.get("format") != _FORMAT:
            raise OutputError(f"{file}: format {content.get('format')!r}, expected {_FORMAT}; {_REMEDY}")
        found += checked(list[dict], content.get("instances"), str(file), _REMEDY, key="instances")
    if (journal := _journal(file)).exists():
        found += read_lines(journal)
    read = [record_of(Validation, record, str(file), _REMEDY) for record in found if isinstance(record, dict)]
    return {one.instance_id: one for one in read}


def left_out(validations: Mapping[str, Validation]) -> dict[str, str]:
    """The instances that did not validate, with the reason."""
    return {name: one.reason for name, one in validations.items() if not one.valid}


def _content(validations: Mapping[str, Validation]) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "total": len(validations),
        "valid": sum(one.valid for one in validations.values()),
        "invalid": left_out(validations),
        "instances": [asdict(one) for one in validations.values()],
    }


def _journal(file: Path) -> Path:
    return file.with_name(f"{file.name}l")
