"""A domain's own code as a hash: what environments answered under other code is no part of the same run."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from treadle.domains.domain import Domain, Graded

DIGITS = 16


def has_code(domain: Domain) -> bool:
    """Whether an environment or a verdict of the domain's own is run."""
    return domain.environment is not None or not (domain.verdict is None or isinstance(domain.verdict, Graded))


def code_digest(domain: Domain) -> str:
    """The beginning of the SHA-256 of the folder's Python files, by name, and of the places and limits of what is run.

    Of code in a package only its place counts.
    """
    total = hashlib.sha256()
    for given in (domain.environment, domain.verdict):
        total.update(repr(given and (type(given).__name__, asdict(given))).encode())
    for file in sorted(domain.folder.rglob("*.py")):
        content = file.read_bytes()
        total.update(f"{file.relative_to(domain.folder).as_posix()}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:DIGITS]
