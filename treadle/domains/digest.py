"""What a domain's prompts are made of, as a hash: data that was prepared with other templates has other prompts."""

from __future__ import annotations

import hashlib

from treadle.domains.domain import Domain
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
