"""The editor in a browser, by keyboard: a preview while one types, an image at the cursor, no broken policy."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from content.models import MediaFile
from tests.support.blog import make_post
from tests.support.browser import running_chromium

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests. Django takes Playwright's event loop for one that its queries would block."""
    with pytest.MonkeyPatch.context() as patched, running_chromium() as chromium:
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        yield chromium


@contextmanager
def browsing(browser: Browser, url: str, session: str) -> Iterator[tuple[Page, list[str]]]:
    """A page of somebody who is logged in, and what its console complained of."""
    with browser.new_context() as context:
        page = context.new_page()
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
        complaints: list[str] = []
        # The test's server has no WebSockets, so the form cannot ask who else has it open.
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text) if said.type == "error" and "/ops/presence/" not in said.text else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, complaints


@pytest.fixture
def session(admin_client) -> str:
    return admin_client.cookies[settings.SESSION_COOKIE_NAME].value


def test_writing_with_a_preview_and_an_image(browser, live_server, session, picture):
    MediaFile.objects.update(alt_text="A [green] leaf")
    post = make_post("post", body="First words.", status="draft")
    with browsing(browser, live_server.url, session) as (page, complaints):
        page.goto(f"{live_server.url}/admin/content/post/{post.pk}/change/")
        preview = page.frame_locator(".editor iframe")
        expect(preview.get_by_text("First words.")).to_be_visible()
        page.locator("#id_body").press("Control+Home")
        page.keyboard.type("**Typed** <script>alert(1)</script> ")
        expect(preview.locator("strong")).to_have_text("Typed")
        expect(preview.locator("script")).to_have_count(0)
        page.locator(".editor-image").press("Enter")
        expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
        page.keyboard.type("leaf")
        page.locator(".picker-item").press("Space")
        page.get_by_role("button", name="Insert", exact=True).press("Enter")
        expect(page.locator("#id_body")).to_be_focused()
        expect(preview.get_by_role("img", name="A [green] leaf")).to_have_count(1)
        page.locator("[data-choose]").press("Enter")
        page.locator(".picker-item").press("Space")
        page.get_by_role("button", name="Use this image").press("Enter")
        page.get_by_role("button", name="Save", exact=True).press("Enter")
        expect(page.locator(".messagelist .success")).to_be_visible()
    assert complaints == []
    post.refresh_from_db()
    assert post.body.startswith(f"**Typed** <script>alert(1)</script> ![A \\[green\\] leaf]({picture.file.url})First")
    assert (post.cover, post.cover_alt) == (picture, "A [green] leaf")


PLACES = [
    ("One.", ["Control+End"], "One.\n\n{}"),
    ("One.\n\nTwo.", ["Control+Home"], "{}\n\nOne.\n\nTwo."),
    ("One.\n\nTwo.", ["Control+Home", "End"], "One.\n\n{}\n\nTwo."),
    ("One.\n\n\n\nTwo.", ["Control+Home", "ArrowDown", "ArrowDown"], "One.\n\n{}\n\nTwo."),
    ("One two.", ["Control+Home", "Control+ArrowRight"], "One{} two."),
]


def test_an_image_is_a_paragraph_of_its_own_but_in_a_line(browser, live_server, session, picture):
    MediaFile.objects.update(alt_text="A leaf")
    posts = [make_post(f"post-{number}", body=body, status="draft") for number, (body, _, _) in enumerate(PLACES)]
    with browsing(browser, live_server.url, session) as (page, _):
        for post, (_, keys, comes) in zip(posts, PLACES, strict=True):
            page.goto(f"{live_server.url}/admin/content/post/{post.pk}/change/")
            for key in keys:
                page.locator("#id_body").press(key)
            page.locator(".editor-image").press("Enter")
            page.locator(".picker-item").press("Space")
            page.get_by_role("button", name="Insert", exact=True).press("Enter")
            expect(page.locator("#id_body")).to_have_value(comes.format(f"![A leaf]({picture.file.url})"))
            # Left as it is: the browser would ask whether that is meant.
            page.locator("#id_body").fill(post.body)


def test_an_image_without_a_description_is_asked_for_one(browser, live_server, session, picture):
    with browsing(browser, live_server.url, session) as (page, _):
        page.goto(f"{live_server.url}/admin/content/post/add/")
        page.locator(".editor-image").press("Enter")
        page.locator(".picker-item").press("Space")
        insert = page.get_by_role("button", name="Insert", exact=True)
        insert.press("Enter")
        expect(page.get_by_role("status").filter(has_text="Say what it shows")).to_be_visible()
        page.keyboard.type("A leaf")
        insert.press("Enter")
        expect(page.locator("#id_body")).to_have_value(f"![A leaf]({picture.file.url})")


def test_the_menu_is_arranged_by_keyboard(browser, live_server, session):
    with browsing(browser, live_server.url, session) as (page, complaints):
        page.goto(f"{live_server.url}/admin/content/siteconfig/add/")
        rows = page.locator(".menu-row")
        for number, word in enumerate(("one", "two")):
            rows.nth(number).locator("input").first.fill(word)
        rows.nth(1).get_by_role("button", name="Move up").press("Enter")
        expect(rows.first.locator("input").first).to_have_value("two")
        page.get_by_role("button", name="Add an entry").press("Enter")
        expect(rows).to_have_count(3)
        expect(rows.last.locator("input").first).to_be_focused()
    assert complaints == []
