"""A browser, and the site that it reads: Chromium by Playwright, `manage.py serve` with the demo's content."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.service import make_demo, running_service

CHROMIUM = Path("/usr/bin/chromium")
# It talks to nobody but us: what it does in the background would be taken for the page's doing.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SITE = {"CACHE_URL": "locmem://browser", "SECRET_KEY": "for tests only"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

PHONE = {"width": 375, "height": 812}
DESKTOP = {"width": 1280, "height": 900}


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """With a profile of its own; skips, with the reason, where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"There is no {CHROMIUM}: install Chromium to run the tests in a browser.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served_site(folder: Path) -> Iterator[str]:
    """The URL of a site with the demo's content, in a process of its own."""
    state = folder / "state"
    state.mkdir()
    make_demo(state)
    with running_service(state, command="serve", environment=SITE) as service:
        service.line_with("Serving on")
        yield service.url


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is now, in light, and then in dark what colours can break."""
    page.emulate_media(color_scheme="light")
    found = violations_of({"type": "tag", "values": RULES}, page)
    page.emulate_media(color_scheme="dark")
    return found + violations_of({"type": "rule", "values": ["color-contrast", "link-in-text-block"]}, page)


def violations_of(rules: dict[str, object], page: Page) -> list[str]:
    """Rule, how bad, and the first element."""
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    return [
        f"{rule['id']} ({rule['impact']}): {rule['nodes'][0]['html']} {rule['nodes'][0]['failureSummary']}"
        for rule in found.response["violations"]
    ]


class Reader:
    """Somebody at a window of the browser, who notices what should not happen."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.context = context
        self.site = site
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self.see)

    def hear(self, message) -> None:
        # What a page answers with is the caller's to judge.
        if message.type in ("error", "warning") and "status of 404" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def see(self, request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.site).netloc:
            self.complaints.append(f"another host: {request.url}")

    def opens(self, path: str) -> Page:
        self.page.goto(self.site + path, wait_until="load")
        return self.page

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def focused(self) -> str:
        """The element that has the keyboard: its tag, id and class."""
        return self.page.evaluate(
            "(e => [e.tagName.toLowerCase(), e.id && '#' + e.id, e.className && '.' + e.className].join(''))"
            "(document.activeElement)"
        )


@contextmanager
def reader(browser: Browser, site: str, **wishes) -> Iterator[Reader]:
    """`wishes`: viewport, color_scheme, java_script_enabled and what else Playwright's new_context takes."""
    context = browser.new_context(**wishes)
    try:
        yield Reader(context, site)
    finally:
        context.close()
