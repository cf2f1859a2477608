from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Reader, open_reader, running_chromium, serve_site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a module, each with a window and a profile of its own. No longer: while Playwright runs,
    no asynchronous test can."""
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="package")
def site(tmp_path_factory) -> Iterator[str]:
    """The URL of the demo, served."""
    with serve_site(tmp_path_factory.mktemp("browser")) as url:
        yield url


@pytest.fixture
def reader(browser, site) -> Iterator[Reader]:
    """A reader at a desk."""
    with open_reader(browser, site) as somebody:
        yield somebody
        assert somebody.complaints == []
