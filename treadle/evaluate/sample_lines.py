"""Attempts and next steps as lines of samples.jsonl and steps.jsonl, written and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from treadle.errors import OutputError
from treadle.evaluate.records import Finish, Key, Sample, StepSample, Stop
from treadle.files.typed import checked, record_of


def sample_record(sample: Sample) -> dict[str, Any]:
    """A sample as a line of samples.jsonl."""
    content = {f.name: getattr(sample, f.name) for f in fields(sample) if f.name != "key"}
    if not sample.observations:  # as lines are without an environment
        del content["observations"]
    # The last generation of an attempt was cut off just where the attempt ended for that.
    finish = Finish.LENGTH if sample.stop is Stop.TRUNCATED else Finish.STOP
    return {**sample.key._asdict(), **content, "finish": str(finish)}


def sample_from(record: Mapping[str, Any], where: str, remedy: str) -> Sample:
    """The sample of a line of samples.jsonl.

    Args:
        where, remedy: The line and what mends it, for the message.

    Raises:
        OutputError: It is none.
    """
    content = {f.name: record[f.name] for f in fields(Sample) if f.name != "key" and f.name in record}
    if missing := [name for name in (*Key._fields, "text") if name not in record]:
        raise OutputError(f"{where}: has no {missing[0]}; {remedy}")
    return checked(Sample, {"key": {name: record[name] for name in Key._fields}, **content}, where, remedy)


def step_from(record: Mapping[str, Any], where: str) -> StepSample:
    """The step of a line of steps.jsonl, which `where` names.

    Raises:
        OutputError: It is none.
    """
    return record_of(StepSample, record, where, "delete this line, and `treadle evaluate` makes it again")
