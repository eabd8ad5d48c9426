"""Domains that a module's tests name are known to that module alone."""

import os

import pytest

from treadle.domains.registry import VARIABLE


@pytest.fixture(scope="module", autouse=True)
def own_domains():
    before = os.environ.get(VARIABLE)
    yield
    os.environ.pop(VARIABLE, None)
    if before is not None:
        os.environ[VARIABLE] = before
