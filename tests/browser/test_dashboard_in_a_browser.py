"""The dashboard in Chromium: start a run, watch it end, purge; two dashboards agree; keyboard, axe, no script."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import DESKTOP, PHONE, violations
from tests.support.markdown import write_posts
from tests.support.service import READY, Service, running_service

pytestmark = pytest.mark.long

SMALL_PHONE = {"width": 360, "height": 740}
# Waiting for a worker on a busy machine, in milliseconds.
PATIENCE = 60_000
STATE_COUNT = """
() => new Promise((resolve) => {
  let left = 2;
  new MutationObserver(() => { left -= 1; if (!left) resolve(); })
    .observe(document.documentElement, { attributes: true, attributeFilter: ["data-shown"] });
})
"""
SHOWN = """
(at) => new Promise((resolve) => {
  const root = document.documentElement;
  const text = () => [...document.querySelectorAll("#verdict, #attention td, .panel td, .panel .note")]
    .map((each) => each.textContent.trim()).join("\\n");
  const look = () => {
    if (Number(root.dataset.shown ?? 0) < at) return requestAnimationFrame(look);
    resolve([root.dataset.shown, text()]);
  };
  look();
})
"""


class Operators:
    """The service with its worker, and people who look at its dashboard."""

    def __init__(self, browser: Browser, service: Service) -> None:
        self.browser = browser
        self.service = service
        [self.password] = re.findall(r"password '(\S+)'", service.terminal)
        with browser.new_context(base_url=service.url) as context:
            self.log_in(context.new_page())
            self.session = context.cookies()

    def log_in(self, page: Page) -> None:
        """In a session of its own."""
        page.goto("/ops/")
        page.fill("#id_username", "admin")
        page.fill("#id_password", self.password)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{self.service.url}/ops/")

    @contextmanager
    def context(self, **wishes) -> Iterator[BrowserContext]:
        """Errors of scripts and breaches of the policy are the test's failure."""
        with self.browser.new_context(base_url=self.service.url, **wishes) as context:
            faults: list[str] = []
            context.on("weberror", lambda error: faults.append(str(error.error)))
            context.on("console", lambda said: faults.append(said.text) if "Security Policy" in said.text else None)
            context.set_default_timeout(PATIENCE)
            context.add_cookies(self.session)
            yield context
            assert faults == []


@pytest.fixture(scope="module")
def operators(tmp_path_factory, browser) -> Iterator[Operators]:
    folder = tmp_path_factory.mktemp("operators")
    posts = write_posts(folder / "posts", 24)
    with running_service(folder / "state", "--import", str(posts)) as service:
        service.wait_for_line(READY)
        yield Operators(browser, service)


def open_dashboard(context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("/ops/")
    expect(page.locator("#live")).to_have_text("Live.", timeout=PATIENCE)
    return page


def first_row(page: Page, panel: str):
    return page.locator(f'[data-panel="{panel}"] tbody tr').first


def test_a_run_is_started_watched_to_its_end_and_seen_by_both_dashboards(operators):
    with operators.context() as ann, operators.context() as bob:
        page, other = open_dashboard(ann), open_dashboard(bob)
        page.get_by_role("group", name="Warm").get_by_label("What").select_option("names")
        page.get_by_role("group", name="Warm").get_by_label("Which").fill("category tag author")
        page.get_by_role("button", name="Start a run").click()
        expect(page.locator(".message")).to_contain_text("is queued")
        for each in (page, other):
            row = each.locator('[data-panel="runs"] tbody tr', has_text="category, tag, author")
            expect(row).to_contain_text("done", timeout=PATIENCE)
            expect(row).to_contain_text("(100%)")


def test_a_purge_is_asked_about_done_and_changes_the_page_of_readers(operators):
    with httpx.Client(base_url=operators.service.url) as reader:
        listing = reader.get("/").text
        path = re.search(r'href="(/posts/[^"/]+/)"', listing)[1]
        before = reader.get(path).headers["Last-Modified"]
    with operators.context() as ann, operators.context() as bob:
        page, other = open_dashboard(ann), open_dashboard(bob)
        form = page.get_by_role("group", name="Purge")
        form.get_by_label("What").select_option("urls")
        form.get_by_label("Which").fill(path)
        form.get_by_label("hard: serve it no more").check()
        form.get_by_role("button", name="See what it touches").click()
        expect(page.locator("main")).to_contain_text("would be dropped. That is")
        assert violations(page) == []
        page.get_by_role("button", name="Purge: serve it no more").click()
        expect(page.locator(".message")).to_contain_text("Done: they are not served again")
        for each in (page, other):
            expect(first_row(each, "purges")).to_contain_text(f"the address {path}")
            expect(first_row(each, "purges")).to_contain_text("done")
    with httpx.Client(base_url=operators.service.url) as reader:
        assert reader.get(path).headers["Last-Modified"] != before


def test_two_dashboards_agree(operators):
    with operators.context() as ann, operators.context() as bob:
        pages = [open_dashboard(ann), open_dashboard(bob)]
        for _ in range(20):
            at = max(float(page.evaluate("document.documentElement.dataset.shown")) for page in pages)
            shown = [page.evaluate(SHOWN, at + 0.001) for page in pages]
            if shown[0][0] == shown[1][0]:
                assert shown[0][1] == shown[1][1]
                return
        raise AssertionError("never the same state")


def test_a_table_that_changes_keeps_the_focus(operators):
    with operators.context() as ann:
        page = open_dashboard(ann)
        link = first_row(page, "runs").get_by_role("link")
        link.focus()
        page.evaluate(STATE_COUNT)
        expect(link).to_be_focused()


def test_everything_is_reached_by_keyboard(operators):
    with operators.context() as ann:
        page = open_dashboard(ann)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        reached = []
        for _ in range(80):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.textContent.trim().slice(0, 40)"))
            if reached[-1] == "Invalidation":
                break
        assert {"Start a run", "See what it touches", "Orders", "Warming"} <= set(reached)
        page.keyboard.press("Enter")
        expect(page.locator('[data-panel="invalidations"]')).to_be_visible()


def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(operators):
    with operators.context(viewport=DESKTOP) as ann:
        page = open_dashboard(ann)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        page.evaluate(STATE_COUNT)
        check_on_each_screen(page)
        page.goto("/ops/explain/?target=/")
        expect(page.locator(".tree")).to_contain_text("in the shared tier: fresh")
        check_on_each_screen(page)


def check_on_each_screen(page: Page) -> None:
    """Both phones get the same styles: those of less than 480 pixels. Axe looks at the smaller one."""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for viewport in (DESKTOP, PHONE, SMALL_PHONE):
        page.set_viewport_size(viewport)
        assert (page.viewport_size, page.evaluate(wide)) == (viewport, 0)
        if viewport != PHONE:
            assert violations(page) == []


def test_without_a_script_the_page_is_whole(operators):
    with operators.context(java_script_enabled=False) as ann:
        page = ann.new_page()
        page.goto("/ops/")
        expect(page.locator("#verdict")).not_to_be_empty()
        expect(page.locator('[data-panel="services"]')).to_contain_text("answers in")
        page.locator("summary", has_text="Warming").click()
        expect(page.locator('[data-panel="coverage"]')).to_contain_text("100 hottest")


def test_a_page_is_live_again_after_the_server_has_died(operators):
    with operators.context() as ann:
        page = open_dashboard(ann)
        old = page.evaluate("Number(document.documentElement.dataset.shown)")
        os.kill(operators.service.pid_of("project.serving.worker_main"), signal.SIGKILL)
        expect(page.locator("#live")).to_contain_text("connection is lost")
        expect(page.locator("#live")).to_have_text("Live.", timeout=PATIENCE)
        page.wait_for_function("(old) => Number(document.documentElement.dataset.shown) > old", arg=old)


def test_a_server_that_says_nothing_more_is_noticed(operators):
    """As one without power: it closes no connection. The page does not claim to be live."""
    worker = operators.service.pid_of("project.serving.worker_main")
    with operators.context() as ann:
        page = ann.new_page()
        page.clock.install()
        page.goto("/ops/")
        expect(page.locator("#live")).to_have_text("Live.", timeout=PATIENCE)
        os.kill(worker, signal.SIGSTOP)
        try:
            page.clock.fast_forward(60_000)
            expect(page.locator("#live")).to_contain_text("connection is lost")
        finally:
            os.kill(worker, signal.SIGCONT)
        expect(page.locator("#live")).to_have_text("Live.", timeout=PATIENCE)


def test_who_logs_out_is_told_so_and_no_connection_is_tried_again(operators):
    with operators.browser.new_context(base_url=operators.service.url) as context:
        context.set_default_timeout(PATIENCE)
        page, admin = context.new_page(), context.new_page()
        page.clock.install()
        operators.log_in(page)
        expect(page.locator("#live")).to_have_text("Live.", timeout=PATIENCE)
        admin.goto("/admin/")
        admin.get_by_role("button", name="Log out").click()
        expect(page.locator("#live")).to_contain_text("You are logged out", timeout=PATIENCE)
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.clock.fast_forward(60_000)
        # The browser reports new sockets before it answers.
        assert page.evaluate("document.readyState") == "complete"
        assert sockets == []
