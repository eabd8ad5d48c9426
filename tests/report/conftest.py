from __future__ import annotations

import pytest

from tests.report.browser import Browser


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def browser(one_browser):
    """A browser for all tests of pages, without what pages before had; they are skipped where none is installed."""
    one_browser.leave()
    return one_browser
