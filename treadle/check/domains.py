"""The domains of prepared data: whether they are known here, whether prompts are the same, and who judges attempts."""

from __future__ import annotations

from collections.abc import Iterator

from treadle.check.results import Check, error, ok, warning
from treadle.check.subject import Subject
from treadle.domains.digest import digest
from treadle.domains.domain import Command, Domain, Graded
from treadle.domains.registry import find
from treadle.errors import DomainError, TreadleError


def domains(subject: Subject) -> Iterator[Check]:
    """Each domain of the data."""
    try:
        prepared = subject.prepared if subject.has_data else None
        recorded = prepared.domains if prepared else {}
    except TreadleError:  # which `data` says
        return
    known = []
    for name, then in recorded.items():
        try:
            domain = find(name)
        except DomainError as problem:
            yield error(
                f"domain.{name}", f"{prepared.folder}: its trajectories are of a domain that is not here: {problem}"
            )
            continue
        known.append(described(domain))
        if then is not None and then != (now := digest(domain)):
            yield warning(
                f"domain.{name}",
                f"{domain.folder}: domain.yaml or a template is another now ({now}) than when {prepared.folder} was "
                f"prepared ({then}), and prompts are rendered with what is there now; prepare the data again with "
                "--overwrite, so that its report, lengths and floors are of these prompts",
            )
    if known:
        yield ok("domains", "; ".join(known))


def described(domain: Domain) -> str:
    """A domain and who judges its attempts, in a few words."""
    about = f" ({domain.about.rstrip('.')})" if domain.about else ""
    return f"{domain.name}{about}: attempts are judged by {_judge(domain)}"


def _judge(domain: Domain) -> str:
    match domain.verdict:
        case None:
            return "nobody"
        case Graded(kind):
            return f"treadle's grader ({kind})"
        case Command(command):
            return " ".join(command)
        case hosted:
            return hosted.place
