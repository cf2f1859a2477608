"""Two editors, three tabs, a lost connection and a session that ended: in Chromium, no text is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import html5lib
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import violations
from tests.support.service import environment_of, make_tables, manage_each, running_service

pytestmark = pytest.mark.long

ENVIRONMENT = {"SECRET_KEY": "for tests only", "CACHE_URL": "locmem://editors"}
ROWS = """
from django.contrib.auth.models import User
from django.test import Client
from content.models import Post
for name, first, last in (("ann", "Ann", "Lee"), ("bob", "Bob", "Ray")):
    user = User.objects.create_superuser(name, password="in a test", first_name=first, last_name=last)
    client = Client()
    client.force_login(user)
    print(name, client.cookies["sessionid"].value)
body = "\\n\\n".join(f"Paragraph {number}." for number in range(12))
for number in range(1, 21):
    Post.objects.create(pk=number, slug=f"post-{number}", title="First", body=body, status="draft")
"""
DRAFTS = "Object.keys(localStorage).filter(key => key.startsWith('evergreen-draft:')).length"


@dataclass
class Editors:
    """The service, posts that nobody edited yet, and who works with it."""

    browser: Browser
    url: str
    sessions: dict[str, str]
    posts: Iterator[int] = field(default_factory=lambda: iter(range(1, 21)))

    @contextmanager
    def editor(self, name: str, **wishes) -> Iterator[BrowserContext]:
        """Somebody who is logged in; errors of scripts and breaches of the policy are the test's failure."""
        with self.browser.new_context(base_url=self.url, **wishes) as context:
            faults: list[str] = []
            context.on("weberror", lambda error: faults.append(str(error.error)))
            context.on("console", lambda said: faults.append(said.text) if "Security Policy" in said.text else None)
            context.set_default_timeout(20_000)
            context.add_cookies([{"name": "sessionid", "value": self.sessions[name], "url": self.url}])
            yield context
            assert faults == []


def log_in(page: Page, name: str) -> None:
    if "/login/" not in page.url:
        page.goto("/admin/login/")
    page.fill("#id_username", name)
    page.fill("#id_password", "in a test")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#logout-form")).to_be_visible()


@pytest.fixture(scope="module")
def editors(tmp_path_factory, browser) -> Iterator[Editors]:
    folder = tmp_path_factory.mktemp("editors") / "state"
    folder.mkdir()
    make_tables(folder)
    said = manage_each(environment_of(folder) | ENVIRONMENT, ["shell", "-v0", "-c", ROWS])
    sessions = dict(line.split() for line in said.splitlines())
    with running_service(folder, command="serve", environment=ENVIRONMENT) as service:
        service.wait_for_line("Serving on")
        yield Editors(browser, service.url, sessions)


def open_form(context: BrowserContext, post: int) -> Page:
    page = context.new_page()
    page.goto(f"/admin/content/post/{post}/change/")
    return page


def stored_values(context: BrowserContext, post: int) -> list[str]:
    """Title, excerpt and body, as a new form shows them."""
    answer = context.request.get(f"/admin/content/post/{post}/change/")
    form = html5lib.parse(answer.text(), namespaceHTMLElements=False)
    title, excerpt, body = (form.find(f".//*[@id='id_{name}']") for name in ("title", "excerpt", "body"))
    return [title.get("value"), excerpt.text or "", body.text.removeprefix("\n")]


def drafts(page: Page, count: int) -> None:
    """Waits until the browser keeps that many. The policy forbids to evaluate a function to wait for."""
    for _ in range(100):
        if page.evaluate(DRAFTS) == count:
            return
        page.wait_for_timeout(50)
    assert page.evaluate(DRAFTS) == count


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def expect_saved(page: Page) -> None:
    expect(page.locator(".messagelist .success")).to_be_visible()


def test_the_second_of_two_editors_sees_both_texts_and_keeps_theirs(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann, editors.editor("bob", bypass_csp=True) as bob:
        # Without the policy, which axe breaks.
        first, second = open_form(ann, post), open_form(bob, post)
        first.fill("#id_title", "Title of Ann")
        first.fill("#id_excerpt", "Excerpt of Ann")
        save(first)
        expect_saved(first)
        second.fill("#id_title", "Title of Bob")
        with second.expect_response(lambda response: response.request.method == "POST") as answer:
            save(second)
        assert answer.value.status == 409
        expect(second.get_by_role("heading", name="This post was changed while you were editing it")).to_be_visible()
        expect(second.locator(".conflict")).to_contain_text("Ann Lee saved it at")
        expect(second.locator(".conflict-theirs mark").first).to_have_text("Ann")
        expect(second.locator(".conflict-mine mark").first).to_have_text("Bob")
        expect(second.locator("#id_title")).to_have_value("Title of Bob")
        expect(second.locator("#id_excerpt")).to_have_value("Excerpt of Ann")
        assert violations(second, within='[class*="conflict"]') == []
        second.get_by_role("button", name="Keep mine").click()
        expect_saved(second)
        assert stored_values(ann, post)[:2] == ["Title of Bob", "Excerpt of Ann"]
        drafts(second, 0)


def test_theirs_are_taken_without_a_question_and_leave_no_draft(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann, editors.editor("bob") as bob:
        first, second = open_form(ann, post), open_form(bob, post)
        first.fill("#id_title", "Title of Ann")
        save(first)
        expect_saved(first)
        second.fill("#id_title", "Title of Bob")
        save(second)
        second.get_by_role("link", name="Take theirs").click()
        expect(second.locator("#id_title")).to_have_value("Title of Ann")
        expect(second.locator(".draft-offer")).to_have_count(0)
        drafts(second, 0)


def test_three_tabs_of_one_editor_lose_nothing(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann:
        tabs = [open_form(ann, post) for _ in range(3)]
        texts = {"#id_title": "A new title", "#id_excerpt": "A new excerpt", "#id_body": "A new body"}
        for tab, (field, text) in zip(tabs, texts.items(), strict=True):
            tab.fill(field, text)
        save(tabs[0])
        expect_saved(tabs[0])
        for tab in tabs[1:]:
            save(tab)
            expect(tab.locator(".conflict")).to_contain_text("You saved it at")
            tab.get_by_role("button", name="Keep mine").click()
            expect_saved(tab)
        assert stored_values(ann, post) == list(texts.values())
        drafts(tabs[0], 0)


def test_a_tab_that_is_closed_leaves_its_text_to_the_next(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann, editors.editor("bob") as bob:
        lost = open_form(ann, post)
        lost.fill("#id_title", "Not saved")
        drafts(lost, 1)
        lost.close()
        other = open_form(bob, post)
        other.fill("#id_title", "Title of Bob")
        save(other)
        expect_saved(other)
        again = open_form(ann, post)
        again.get_by_role("button", name="Restore it").click()
        # Meanwhile it was changed: that is said as at a save.
        expect(again.locator(".conflict-theirs").first).to_have_text("Title of Bob")
        expect(again.locator("#id_title")).to_have_value("Not saved")
        again.get_by_role("button", name="Keep mine").click()
        expect_saved(again)
        assert stored_values(ann, post)[0] == "Not saved"
        drafts(again, 0)


def test_a_save_without_a_connection_loses_nothing(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann:
        page = open_form(ann, post)
        page.fill("#id_body", "Written in a train")
        ann.set_offline(True)
        with page.expect_event("requestfailed"):
            save(page)
        ann.set_offline(False)
        page.goto(f"/admin/content/post/{post}/change/")
        page.get_by_role("button", name="Restore it").click()
        expect(page.get_by_role("heading", name="Your unsaved text is back")).to_be_visible()
        expect(page.locator("#id_body")).to_have_value("Written in a train")
        save(page)
        expect_saved(page)
        assert stored_values(ann, post)[2] == "Written in a train"
        drafts(page, 0)


def test_to_reload_after_a_lost_connection_sends_the_text_again(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann:
        page = open_form(ann, post)
        page.fill("#id_body", "Written in a train")
        ann.set_offline(True)
        with page.expect_event("requestfailed"):
            save(page)
        ann.set_offline(False)
        page.reload()
        expect_saved(page)
        assert stored_values(ann, post)[2] == "Written in a train"
        drafts(page, 0)


def test_a_session_that_ended_costs_a_login_and_no_text(editors):
    with editors.editor("ann") as ann:
        page = ann.new_page()
        page.goto("/admin/content/post/add/")
        page.fill("#id_title", "A new post")
        page.fill("#id_body", "Hours of work")
        ann.clear_cookies(name="sessionid")
        save(page)
        log_in(page, "ann")
        page.get_by_role("button", name="Restore it").click()
        expect(page.locator("#id_title")).to_have_value("A new post")
        expect(page.locator("#id_body")).to_have_value("Hours of work")
        save(page)
        expect_saved(page)
        drafts(page, 0)
        page.goto("/admin/content/post/add/")
        expect(page.locator(".draft-offer")).to_have_count(0)


def test_leaving_is_asked_about_only_where_something_was_changed(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann:
        page = open_form(ann, post)
        asked: list[str] = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.locator("#id_title").click()
        page.get_by_role("link", name="Home").click()
        expect(page.locator(".dashboard-cards")).to_be_visible()
        assert asked == []
        page.go_back()
        page.locator("#id_title").press_sequentially("x")
        page.get_by_role("link", name="Home").click(no_wait_after=True)
        expect(page.locator("#id_title")).to_be_visible()
        page.wait_for_timeout(200)
        assert asked == ["beforeunload"]
        save(page)
        expect_saved(page)
        assert asked == ["beforeunload"]


def test_a_logout_leaves_nothing_private_in_the_browser(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann:
        # A session of its own, which ends.
        ann.clear_cookies(name="sessionid")
        log_in(ann.new_page(), "ann")
        page = open_form(ann, post)
        page.fill("#id_title", "Secret")
        drafts(page, 1)
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/logout/")
        drafts(page, 0)


def test_a_draft_is_shown_to_its_writer_alone(editors):
    post = next(editors.posts)
    with editors.editor("ann") as context:
        page = open_form(context, post)
        page.fill("#id_title", "Secret")
        drafts(page, 1)
        page.close()
        context.clear_cookies(name="sessionid")
        page = context.new_page()
        log_in(page, "bob")
        page.goto(f"/admin/content/post/{post}/change/")
        expect(page.locator("#id_title")).to_have_value("First")
        expect(page.locator(".draft-offer")).to_have_count(0)


AWAY = "Object.defineProperty(document, 'visibilityState', {value: '%s', configurable: true})"
CHANGED = "document.dispatchEvent(new Event('visibilitychange'))"


def leave_and_come_back(page: Page) -> None:
    """As if the tab had been out of sight for a minute."""
    page.evaluate(f"{AWAY % 'hidden'}; {CHANGED}")
    page.clock.fast_forward(60_000)
    page.evaluate(f"{AWAY % 'visible'}; {CHANGED}")


def test_a_reader_of_an_open_post_is_offered_its_new_text(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann, editors.browser.new_context(base_url=editors.url, bypass_csp=True) as context:
        form = open_form(ann, post)
        form.select_option("#id_status", "published")
        save(form)
        expect_saved(form)
        reader = context.new_page()
        reader.clock.install()
        reader.goto(f"/posts/post-{post}/")
        with reader.expect_response(lambda response: response.url.endswith(f"/posts/post-{post}/")):
            leave_and_come_back(reader)
        expect(reader.locator(".offer")).to_have_count(0)
        form = open_form(ann, post)
        form.fill("#id_title", "Another title")
        save(form)
        expect_saved(form)
        leave_and_come_back(reader)
        expect(reader.locator(".offer")).to_contain_text("There is a new version of this post.")
        assert violations(reader, within='[class*="offer"]') == []
        reader.get_by_role("button", name="Show it").click()
        expect(reader.locator(".post-title")).to_have_text("Another title")
        form = open_form(ann, post)
        form.select_option("#id_status", "withdrawn")
        save(form)
        expect_saved(form)
        leave_and_come_back(reader)
        expect(reader.locator(".offer")).to_contain_text("This post is no longer published.")


def test_editors_of_a_post_see_each_other_and_each_others_saves(editors):
    post = next(editors.posts)
    with editors.editor("ann") as ann, editors.editor("bob", bypass_csp=True) as bob:
        first = open_form(ann, post)
        expect(first.locator(".presence")).to_have_text("")
        second = open_form(bob, post)
        expect(first.locator(".presence")).to_have_text("Bob Ray has this post open as well.")
        expect(second.locator(".presence")).to_have_text("Ann Lee has this post open as well.")
        third = open_form(ann, post)
        expect(first.locator(".presence")).to_contain_text("You have this post open in another window.")
        third.close()
        expect(first.locator(".presence")).to_have_text("Bob Ray has this post open as well.")
        first.fill("#id_title", "Title of Ann")
        save(first)
        expect_saved(first)
        expect(second.locator(".presence-saved")).to_contain_text("Ann Lee saved this post at")
        expect(second.get_by_role("status").filter(has_text="Ann Lee saved")).to_be_visible()
        assert violations(second, within='[class*="presence"]') == []
        # The conflict page is the net, for editors who save nevertheless.
        second.fill("#id_title", "Title of Bob")
        save(second)
        expect(second.locator(".conflict")).to_contain_text("Ann Lee saved it at")


def test_an_editor_without_javascript_has_the_form_as_before(editors):
    post = next(editors.posts)
    with editors.editor("ann", java_script_enabled=False) as ann:
        page = open_form(ann, post)
        expect(page.locator(".presence")).to_be_empty()
        page.fill("#id_title", "Without a script")
        save(page)
        expect_saved(page)
