"""One grader for all tests of grading: starting its processes takes seconds."""

from __future__ import annotations

import pytest

from treadle.scoring.grading import Grader


@pytest.fixture(scope="session")
def grader():
    grader = Grader(workers=2, seconds=5)
    yield grader
    grader.close()
