"""A browser, and the site that it reads: Chromium by Playwright, `manage.py serve` with the demo's content."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.support.service import make_demo, running_service

# Debian's packages. The shell is the same browser without windows: to open a profile and a page takes a quarter of
# the processor time.
CHROMIUMS = ("chromium-headless-shell", "chromium")
# No requests of the browser itself: tests would take them for requests of the page.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SITE = {"CACHE_URL": "locmem://browser", "SECRET_KEY": "for tests only"}
# A transition that ends may start one of an element that inherits.
END_TRANSITIONS = """() => {
  const running = () => document.getAnimations().filter(animation => animation instanceof CSSTransition)
  for (let transitions; (transitions = running()).length;) transitions.forEach(transition => transition.finish())
}"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

PHONE = {"width": 375, "height": 812}
DESKTOP = {"width": 1280, "height": 900}


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A Chromium with its own profile. Without Chromium the test is skipped."""
    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        pytest.skip(f"There is no {' and no '.join(CHROMIUMS)}: install one to run the tests in a browser.")
    with sync_playwright() as playwright:
        # Without a locale the shell calls its language "en-US@posix", which no browser of a reader does.
        english: dict[str, str | float | bool] = {**os.environ, "LC_ALL": "en_US.UTF-8"}
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, env=english)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serve_site(folder: Path) -> Iterator[str]:
    """The URL of a site with the demo's content, in a process of its own."""
    state = folder / "state"
    state.mkdir()
    make_demo(state)
    with running_service(state, command="serve", environment=SITE) as service:
        service.wait_for_line("Serving on")
        yield service.url


def violations(page: Page, within: str | None = None) -> list[str]:
    """Findings of axe on the page: all rules in light, and the rules about colours in dark.

    `within`: the selector of the only elements to look at.
    """
    page.emulate_media(color_scheme="light")
    found = violations_of({"type": "tag", "values": RULES}, page, within)
    page.emulate_media(color_scheme="dark")
    colours: dict[str, object] = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    return found + violations_of(colours, page, within)


def violations_of(rules: dict[str, object], page: Page, within: str | None = None) -> list[str]:
    """Each finding: rule, impact, and the first element."""
    # To read axe takes as long as to run it on a small page.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # Axe would see the colours half-way between two schemes.
    page.evaluate(END_TRANSITIONS)
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found = page.evaluate(
        "([where, options]) => axe.run(where ?? document, options).then(found => found.violations)", [within, options]
    )
    return [
        f"{rule['id']} ({rule['impact']}): {rule['nodes'][0]['html']} {rule['nodes'][0]['failureSummary']}"
        for rule in found
    ]


class Reader:
    """One window of the browser. `complaints`: errors in its console, and requests to other hosts."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.context = context
        self.site = site
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self.on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self.on_request)

    def on_console(self, message: ConsoleMessage) -> None:
        # The test itself checks the status of a page.
        if message.type in ("error", "warning") and "status of 404" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.site).netloc:
            self.complaints.append(f"another host: {request.url}")

    def open(self, path: str) -> Page:
        self.page.goto(self.site + path, wait_until="load")
        return self.page

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def focused_element(self) -> str:
        """The element that has the keyboard: its tag, id and class."""
        element: str = self.page.evaluate(
            "(e => [e.tagName.toLowerCase(), e.id && '#' + e.id, e.className && '.' + e.className].join(''))"
            "(document.activeElement)"
        )
        return element


@contextmanager
def open_reader(browser: Browser, site: str, **wishes: Any) -> Iterator[Reader]:
    """`wishes`: viewport, color_scheme, java_script_enabled and what else Playwright's new_context takes."""
    context = browser.new_context(**wishes)
    try:
        yield Reader(context, site)
    finally:
        context.close()
