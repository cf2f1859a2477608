from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Reader, reader, running_chromium, served_site


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests, each with a window and a profile of its own."""
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="package")
def site(tmp_path_factory, browser) -> Iterator[str]:
    """The URL of the demo, served; not begun where there is no browser to read it."""
    with served_site(tmp_path_factory.mktemp("browser")) as url:
        yield url


@pytest.fixture
def reads(browser, site) -> Iterator[Reader]:
    """A reader at a desk."""
    with reader(browser, site) as somebody:
        yield somebody
        assert somebody.complaints == []
