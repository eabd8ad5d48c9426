from __future__ import annotations

import pytest

from tests.report.browser import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser for all tests of pages; they are skipped where none is installed."""
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()
