"""Writes constraints-hashed.txt: the versions of constraints.txt with the hashes of all files that an index has.

    python docs/hashes.py [INDEX]

torch is left out: its CPU builds come from another index, with other hashes than those of the main one.
"""

from __future__ import annotations

import html
import re
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

ROOT = Path(__file__).parent.parent
LINK = re.compile(r'<a[^>]*href="[^"]*sha256=([0-9a-f]{64})"[^>]*>([^<]+)</a>')


def main() -> None:
    index = sys.argv[1] if len(sys.argv) > 1 else "https://pypi.org/simple"
    pinned = [line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    pinned = [line for line in pinned if not line.startswith("torch==")]
    with ThreadPoolExecutor(4) as pool:
        entries = list(pool.map(lambda line: entry(index, line), pinned))
    head = "# constraints.txt with hashes, by `make hashes`: pip install --require-hashes --no-deps -r FILE\n"
    (ROOT / "constraints-hashed.txt").write_text(head + "".join(entries))


def entry(index: str, pinned: str) -> str:
    """A requirement with the hashes of its files, as pip reads it."""
    name, _, version = pinned.partition("==")
    with urllib.request.urlopen(f"{index.rstrip('/')}/{canonicalize_name(name)}/", timeout=120) as answer:
        page = answer.read().decode()
    hashes = {
        digest for digest, file in LINK.findall(page) if version_of(html.unescape(file.strip())) == Version(version)
    }
    if not hashes:
        raise SystemExit(f"{index} has no file of {pinned}; expected the versions of constraints.txt to be there")
    return f"{pinned} \\\n" + " \\\n".join(f"    --hash=sha256:{digest}" for digest in sorted(hashes)) + "\n"


def version_of(file: str) -> Version | None:
    """The version that a file of the index is of; `None` for kinds that pip no longer installs, such as eggs."""
    try:
        return (parse_wheel_filename if file.endswith(".whl") else parse_sdist_filename)(file)[1]
    except (InvalidWheelFilename, ValueError):
        return None


if __name__ == "__main__":
    main()
