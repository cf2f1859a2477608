"""The API as it is served: through the edge, and its page in a browser."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


@pytest.fixture
def ask(service):
    with service.client() as client:
        yield client.get


def is_hit(answer: httpx.Response) -> bool:
    return "; hit" in answer.headers["Cache-Status"]


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/posts/", "/api/v1/tags/", "/api/v1/openapi.json"])
def test_the_edge_serves_a_second_reader(ask, path):
    first, second = ask(path), ask(path)
    assert is_hit(second)
    assert first.content == second.content
    assert "RateLimit" not in second.headers


def test_the_edge_stores_the_list_of_a_term_and_no_ranges(ask):
    category = ask("/api/v1/categories/").json()["items"][0]["slug"]
    few, many = f"/api/v1/posts/?category={category}", "/api/v1/posts/?since=2020-01-01"
    assert [is_hit(ask(few)) or is_hit(ask(few)), is_hit(ask(many)) or is_hit(ask(many))] == [True, False]


@pytest.mark.parametrize("path", ["/api/v1/posts/", "/api/v1/posts/?limit=3&ordering=oldest"])
def test_a_conditional_request_is_304_whether_the_edge_stores_or_not(ask, path):
    etag = ask(path).headers["ETag"]
    answer = ask(path, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert ask(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_requests_posts_needs_no_other_host_and_is_accessible(service, scheme, width):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{service.url}/api/v1/docs/")
        ask_for_posts(page)
        assert messages == []
        assert [url for url in requests if is_elsewhere(url, service.url)] == []
        assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_order_of_operators_is_readable_and_asks_for_no_token(service, scheme):
    order = "#operations-Operators-start_warming"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_context(color_scheme=scheme).new_page()
        page.goto(f"{service.url}/api/v1/docs/")
        page.locator(f"{order} .opblock-summary-control").press("Enter")
        page.locator(f"{order} .opblock-body").wait_for()
        page.wait_for_function(STILL, arg=f"{order} .responses-wrapper")
        assert contrasts(page) == []
        assert not page.locator(".authorization__btn:visible").count()
        browser.close()


def contrasts(page: Page) -> list[str]:
    """The elements whose text stands out too little."""
    found = Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    return [node["html"] for violation in found for node in violation["nodes"]]


def is_elsewhere(url: str, ours: str) -> bool:
    return not url.startswith((ours, "data:", "blob:"))


# Whether that element is there, and is the same and in the same place as in the frame before.
STILL = """selector => {
    const element = document.querySelector(selector), before = window.seenBefore;
    const top = element && element.getBoundingClientRect().top;
    const same = before && before.element === element && before.top === top;
    window.seenBefore = {element, top, frames: same ? before.frames + 1 : 0};
    return element && window.seenBefore.frames > 20;
}"""


def ask_for_posts(page: Page) -> None:
    """Use the keyboard alone."""
    page.wait_for_load_state("networkidle")
    page.locator("#operations-Posts-posts .opblock-summary-control").press("Enter")
    # The form slides open, and the page draws its fields anew meanwhile: a key for the old fields is lost.
    page.locator("#operations-Posts-posts .opblock-body").wait_for()
    page.wait_for_function(STILL, arg="#operations-Posts-posts .btn.execute")
    page.locator("#operations-Posts-posts .btn.execute").press("Enter")
    page.wait_for_selector("#operations-Posts-posts .live-responses-table .response-col_status")
