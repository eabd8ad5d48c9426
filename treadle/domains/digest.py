"""What a domain is made of, as hashes.

Data that was prepared with other templates has other prompts, and what environments answered under other code is no
part of the same run.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from treadle.domains.domain import Domain, Graded
from treadle.domains.folder import FILE

DIGITS = 16


def digest(domain: Domain) -> str:
    """The beginning of the SHA-256 of names and contents of `domain.yaml` and the templates, in the order of names."""
    total = hashlib.sha256()
    for file in sorted([domain.folder / FILE, *domain.folder.glob("*.j2")]):
        if file.is_file():  # of a package's own object there may be no domain.yaml
            content = file.read_bytes()
            total.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:DIGITS]


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
