"""Comments in Chromium: the form comes to the reader, says what became of it, and works without a script too."""

import pytest
from playwright.sync_api import Page

from tests.support.browser import violations
from tests.support.service import environment_of, make_tables, manage_each, running_service

pytestmark = pytest.mark.long

ENVIRONMENT = {
    "SECRET_KEY": "for tests only",
    "CACHE_URL": "locmem://comments",
    "EVERGREEN_COMMENT_SECONDS": "0",
    "EVERGREEN_COMMENTS_A_MINUTE": "100",
    "EVERGREEN_COMMENTS_AN_HOUR": "100",
}
ROWS = """
from content.models import Comment, Post
body = "A long paragraph. " * 400
post = Post.objects.create(slug="talk", title="Talk", body=body, status="published")
Post.objects.create(slug="closed", title="Closed", body="Quiet.", status="published", comments_open=False)
first = Comment.objects.create(post=post, author_name="Bob", body="First.", status="approved")
Comment.objects.create(post=post, author_name="Cat", body="Second.", parent=first, status="approved")
"""
STORED = """
from content.models import Comment
print([(row.author_name, row.body, row.parent_id) for row in Comment.objects.filter(status="pending").order_by("pk")])
"""


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("browser") / "state"
    folder.mkdir()
    make_tables(folder)
    run_commands(folder, ["shell", "-v0", "-c", ROWS])
    return folder


def run_commands(folder, *commands) -> str:
    return manage_each(environment_of(folder) | ENVIRONMENT, *commands)


@pytest.fixture(scope="module")
def service(state_dir):
    with running_service(state_dir, command="serve", environment=ENVIRONMENT) as running:
        running.wait_for_line("Serving on")
        yield running


@pytest.fixture
def page(browser, service):
    with browser.new_context(base_url=service.url, reduced_motion="reduce") as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        yield page
        assert page.errors == []


def send(page: Page, text: str, name: str = "Ann") -> None:
    page.fill("[name=name]", name)
    page.fill("[name=text]", text)
    page.click("#comment-form button")


def come_near(page: Page) -> None:
    page.locator("#comments").scroll_into_view_if_needed()
    page.wait_for_selector("#comment-form textarea")


def focused_id(page: Page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.className")


def test_the_form_comes_when_the_reader_comes_near_and_moves_nothing(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/posts/talk/")
    page.wait_for_load_state("networkidle")
    assert not any("/comment/" in url for url in asked)
    assert page.context.cookies() == []
    height = page.evaluate("document.documentElement.scrollHeight")
    come_near(page)
    assert abs(page.evaluate("document.documentElement.scrollHeight") - height) <= 16
    assert violations(page) == []


def test_a_reply_is_written_refused_kept_sent_and_told(page, state_dir):
    page.goto("/posts/talk/")
    page.get_by_role("link", name="Reply to Cat").click()
    page.wait_for_selector(".thread #comment-form")
    assert focused_id(page) == "comment-text"
    assert page.get_by_role("heading", name="Reply to Cat").is_visible()
    page.evaluate("document.querySelector('#comment-form form').noValidate = true")
    send(page, "Kept words", name="")
    page.wait_for_selector(".comment-errors")
    assert focused_id(page) == "comment-errors"
    assert page.input_value("[name=text]") == "Kept words"
    assert page.get_attribute("[name=name]", "aria-invalid") == "true"
    assert violations(page) == []
    words = f"In a browser, {page.evaluate('Math.random()')}"
    send(page, words)
    page.wait_for_selector(".comment-thanks")
    assert focused_id(page) == "comment-thanks"
    assert "awaits moderation" in page.inner_text("[role=status]")
    assert violations(page) == []
    assert f"('Ann', '{words}', 2)" in run_commands(state_dir, ["shell", "-v0", "-c", STORED])


def test_what_was_typed_goes_along_to_another_reply(page):
    page.goto("/posts/talk/")
    come_near(page)
    page.fill("[name=text]", "To whom?")
    page.get_by_role("link", name="Reply to Bob").click()
    page.wait_for_selector(".thread #comment-form")
    assert page.input_value("[name=text]") == "To whom?"
    page.get_by_role("link", name="Write a comment of its own").click()
    page.wait_for_selector("[data-comment-place] #comment-form")
    assert page.input_value("[name=text]") == "To whom?"
    assert page.locator("#comment-form").count() == 1


def test_what_does_not_arrive_is_still_there(page):
    page.goto("/posts/talk/")
    come_near(page)
    page.context.set_offline(True)
    send(page, "Into the void")
    page.wait_for_selector(".comment-errors")
    assert "could not be sent" in page.inner_text(".comment-errors")
    assert page.input_value("[name=text]") == "Into the void"
    assert page.locator("#comment-form button").is_enabled()


@pytest.mark.parametrize("path", ["/posts/talk/comment/?reply_to=1", "/posts/talk/comment/?sent", "/posts/closed/"])
def test_other_pages_of_comments_have_no_violation(page, path):
    page.goto(path)
    assert violations(page) == []


def test_all_works_without_a_script(browser, service, state_dir):
    with browser.new_context(base_url=service.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/posts/talk/")
        page.get_by_role("link", name="Reply to Bob").click()
        send(page, "Without a script")
        page.get_by_role("heading", name="Thank you").wait_for()
        assert page.url.endswith("/posts/talk/comment/?sent")
    assert "('Ann', 'Without a script', 1)" in run_commands(state_dir, ["shell", "-v0", "-c", STORED])
