"""Where documents are, for messages.

An installation has neither the documents nor the recipes of treadle's repository. The package's metadata has the
repository's address once it has a public one; until then words stand for it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

_DOCUMENT = re.compile(r"`?\b(docs/[\w-]+\.md)`?")


def in_repository(path: str) -> str:
    """A file for a message: its path in the repository, and where that is."""
    return f"{path} of {_place()}"


def with_places(text: str) -> str:
    """A text in which documents stand by their paths, as docstrings name them, for who may not have them."""
    return _DOCUMENT.sub(lambda found: in_repository(found[1]), text)


@cache
def _place() -> str:
    try:
        urls = metadata("treadle").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from its folder, without an installation
        urls = []
    addresses = dict(url.split(", ", 1) for url in urls)
    return addresses.get("Repository", "treadle's repository")
