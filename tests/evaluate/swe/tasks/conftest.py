"""Two small packages as source distributions, one with its modules at the top and one with them in `src`."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from treadle.evaluate.swe.environments import Environment
from treadle.evaluate.swe.sandbox import why_not
from treadle.evaluate.swe.tasks.make import make_tasks

SUMS = """\
def total(numbers, start=0):
    \"\"\"The sum, from `start` on.\"\"\"
    result = start
    for number in numbers:
        result += number
    return result


def largest(numbers):
    if not numbers:
        raise ValueError("no numbers")
    return max(numbers)


def clamp(value, low, high):
    if value < low:
        return low
    if value > high:
        return high
    return value
"""
TEST_SUMS = """\
import pytest

from tinysums import clamp, largest, total


@pytest.mark.parametrize("numbers", [[1, 2], [3]], ids=["two numbers", "one"])
def test_total(numbers):
    assert total(numbers) == sum(numbers)


def test_total_from_start():
    assert total([1, 2], 3) == 6


def test_largest_of_none():
    with pytest.raises(ValueError):
        largest([])


def test_largest():
    assert largest([3, 1, 2]) == 3


def test_clamp():
    assert clamp(5, 0, 3) == 3
    assert clamp(-1, 0, 3) == 0
    assert clamp(2, 0, 3) == 2


def test_that_never_passes():
    assert total([1]) == 2
"""
WORDS = """\
class Words:
    def __init__(self, text, keep=True):
        self.words = text.split() if keep else []

    def first(self, n=1):
        return self.words[:n]

    def joined(self, by="-"):
        return by.join(self.words)

    def _longest(self):
        best = ""
        for word in self.words:
            if len(word) > len(best):
                best = word
        return best
"""
TEST_WORDS = """\
import unittest

from tinywords.core import Words


class WordsTest(unittest.TestCase):
    def test_first(self):
        words = Words("a b c")
        self.assertEqual(words.first(2), ["a", "b"])
        self.assertEqual(words.first(), ["a"])

    def test_joined(self):
        self.assertEqual(Words("a b").joined(), "a-b")

    def test_longest(self):
        self.assertEqual(Words("a bbb cc")._longest(), "bbb")
"""


def write_sdist(folder: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """A source distribution, the same bytes each time."""
    archive = folder / f"{name}-{version}.tar.gz"
    info = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with archive.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped, _tar(zipped) as tar:
        for path, text in {"PKG-INFO": info, **files}.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size, member.mtime = len(text.encode()), 1_700_000_000
            tar.addfile(member, io.BytesIO(text.encode()))
    return archive


def _tar(file: gzip.GzipFile) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="w")


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder that all workers of pytest-xdist have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "made"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def archives(shared) -> list[str]:
    sums = {
        "setup.cfg": "[tool:pytest]\naddopts = --cov\n",
        "tinysums.py": SUMS,
        "tests/test_sums.py": TEST_SUMS,
    }
    words = {
        "src/tinywords/__init__.py": "",
        "src/tinywords/core.py": WORDS,
        "tests/__init__.py": "",
        "tests/test_words.py": TEST_WORDS,
    }
    folder = shared / "sdists"
    with FileLock(shared / "sdists.lock"):
        if not folder.exists():
            folder.mkdir()
            write_sdist(folder, "tinysums", "1.0", sums)
            write_sdist(folder, "tinywords", "0.2", words)
    return sorted(map(str, folder.iterdir()))


@pytest.fixture(scope="session")
def environment() -> Environment:
    """That of the tests themselves, which has pytest."""
    nothing = Path("/nonexistent")
    return Environment(Path(sys.prefix), (), nothing, nothing)


@pytest.fixture(scope="session")
def unsafe_local() -> bool:
    return why_not() is not None


@dataclass
class Tasks:
    folder: Path
    said: list[str]

    @property
    def rows(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "instances.jsonl").read_text().splitlines()]

    @property
    def summary(self) -> dict:
        return json.loads((self.folder / "tasks.json").read_text())


@pytest.fixture(scope="session")
def tasks(shared, archives, environment, unsafe_local) -> Tasks:
    """Made once, by the worker that comes first; the tests only read them."""
    out, said = shared / "tasks", shared / "said.json"
    with FileLock(shared / "tasks.lock"):
        if not said.exists():
            lines = []
            make_tasks(archives, 4, out, lambda _: environment, unsafe_local=unsafe_local, said=lines.append)
            said.write_text(json.dumps(lines))
    return Tasks(out, json.loads(said.read_text()))
