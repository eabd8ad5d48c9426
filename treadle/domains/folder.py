"""A domain's folder: `domain.yaml` says what the domain is, and beside it stand its templates, code and problems.

Nothing of it is executed when it is read: code is imported in the process that runs it (`treadle.domains.places`).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from treadle.domains.domain import Command, Domain, Graded, Hosted, Limits, ProblemSet
from treadle.domains.places import wrong_in_place
from treadle.domains.verdict_words import KINDS
from treadle.errors import DomainError, RecipeError
from treadle.files.names import is_inside, wrong_in_name
from treadle.files.yaml_reading import read_yaml

FILE = "domain.yaml"


def _right_name(value: str) -> str:
    if (wrong := wrong_in_name(value)) is not None:
        raise ValueError(wrong)
    return value


def _right_place(value: str) -> str:
    if (wrong := wrong_in_place(value)) is not None:
        raise ValueError(wrong)
    return value


Place = Annotated[str, AfterValidator(_right_place)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Hosted(_Strict):
    place: Place
    seconds: float = Field(Limits.seconds, gt=0, le=3600)
    memory_mb: int = Field(Limits.memory_mb, ge=64)


class _Verdict(_Strict):
    """One of a kind of the grader, a place, and a command."""

    kind: Literal[KINDS] | None = None
    place: Place | None = None
    command: tuple[str, ...] | None = Field(None, min_length=1)
    seconds: float = Field(Limits.seconds, gt=0, le=3600)
    memory_mb: int = Field(Limits.memory_mb, ge=64)

    @model_validator(mode="after")
    def _one(self) -> _Verdict:
        given = [name for name in ("kind", "place", "command") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"found {' and '.join(given) or 'none'}, expected one of kind, place and command")
        return self


def _right_file(value: str) -> str:
    if not is_inside(value):
        raise ValueError(f"found {value!r:.80}; expected a file within the domain's folder")
    return value


class _Problems(_Strict):
    file: Annotated[str, AfterValidator(_right_file)]
    count: int | None = Field(None, ge=1)
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")] | None = None


def _as_place(value: Any) -> Any:
    return {"place": value} if isinstance(value, str) else value


def _as_verdict(value: Any) -> Any:
    return {"kind" if value in KINDS else "place": value} if isinstance(value, str) else value


def _as_problems(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class _File(_Strict):
    """`domain.yaml`; what the keys mean stands at `Domain`."""

    name: Annotated[str, AfterValidator(_right_name)]
    about: str = ""
    steps: Literal["text", "calls"] = "text"
    ends: Literal["boxed", "environment", "none"] | None = None
    split: Literal["lines", "blocks"] | Place = "lines"
    reward: str = "similarity"
    same: Literal["text", "call"] | Place = "text"
    shown: Literal["text", "code"] = "text"
    verdict: Annotated[_Verdict | None, BeforeValidator(_as_verdict)] = None
    environment: Annotated[_Hosted | None, BeforeValidator(_as_place)] = None
    problems: dict[Annotated[str, AfterValidator(_right_name)], Annotated[_Problems, BeforeValidator(_as_problems)]] = (
        Field(default_factory=dict)
    )

    @model_validator(mode="after")
    def _has_its_end(self) -> _File:
        if self.ends == "environment" and self.environment is None:
            raise ValueError("ends: environment, and there is none; add environment: world.py:World")
        return self


def read_folder(folder: Path) -> Domain:
    """The domain of a folder.

    Raises:
        DomainError: There is no `domain.yaml`, it has an unknown key or a wrong value, or there is no `step.j2`.
    """
    path = folder / FILE
    if not path.is_file():
        raise DomainError(f"{folder}: no {FILE}; expected a domain's folder, as `treadle new-domain NAME` writes one")
    try:
        content = read_yaml(path)
    except RecipeError as error:
        raise DomainError(str(error)) from None
    if not isinstance(content, dict):
        raise DomainError(f"{path}: found {type(content).__name__}, expected keys such as name, verdict, environment")
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise DomainError(f"{path}: " + "\n  ".join(_explained(problem) for problem in error.errors())) from None
    if not (folder / "step.j2").is_file():
        raise DomainError(f"{folder}: no step.j2, the template that asks for one step; add it")
    for name, problems in file.problems.items():
        if not (folder / problems.file).is_file():
            raise DomainError(f"{path}: problems.{name}: no file {problems.file} in {folder}; add it, or mend its name")
    return Domain(
        name=file.name,
        folder=folder,
        about=file.about,
        steps=file.steps,
        ends=file.ends or ("environment" if file.environment else "boxed"),
        split=file.split,
        reward=file.reward,
        same=file.same,
        shown=file.shown,
        verdict=_verdict(file.verdict),
        environment=_hosted(file.environment) if file.environment else None,
        problems={name: ProblemSet(p.file, p.count, p.sha256) for name, p in file.problems.items()},
    )


def _hosted(given: _Hosted) -> Hosted:
    return Hosted(given.place, Limits(given.seconds, given.memory_mb))


def _verdict(given: _Verdict | None) -> Graded | Hosted | Command | None:
    if given is None:
        return None
    limits = Limits(given.seconds, given.memory_mb)
    if given.command is not None:
        return Command(given.command, limits)
    return Graded(given.kind) if given.kind is not None else Hosted(given.place or "", limits)


def _explained(problem: Any) -> str:
    """One of pydantic's errors in words: key, found, expected."""
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location) or "the file"
    if problem["type"] == "extra_forbidden":
        known = _known(problem["loc"])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.4)
        return f"unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}")
    if problem["type"] == "missing":
        return f"missing key {key!r}; add it"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key}: found {problem['input']!r:.80}; {message[0].lower() + message[1:]}"


def _known(location: Sequence[Any]) -> list[str]:
    parts: dict[Any, type[BaseModel]] = {"verdict": _Verdict, "environment": _Hosted, "problems": _Problems}
    return list((parts[location[0]] if len(location) > 1 else _File).model_fields)
