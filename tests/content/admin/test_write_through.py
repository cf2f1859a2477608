"""A post that is saved is made again before its writer hears of it."""

import pytest
from asgiref.sync import async_to_sync

from content.caching.queries import count_queries
from content.models import Post
from content.services import write_through
from content.warming import targets
from tests.support.admin_site import save_form
from tests.support.blog import make_blog

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache")]


@pytest.fixture
def post() -> Post:
    return make_blog(posts=3)[0]


def form_of(post: Post) -> str:
    return f"/admin/content/post/{post.pk}/change/"


def page_of(post: Post) -> str:
    return f"http://testserver{post.get_absolute_url()}"


async def read(url: str) -> tuple[bytes, str]:
    """Body and Cache-Status, as the site's own edge answers."""
    fields, chunks = [], []

    async def send(message):
        fields.extend(message.get("headers", ()))
        chunks.append(message.get("body", b""))

    await targets.edge()(targets.scope_of(url), None, send)
    return b"".join(chunks), dict(fields)[b"cache-status"].decode()


def test_its_next_reader_finds_the_new_words_and_runs_no_view(admin_client, post):
    save_form(admin_client, form_of(post), title="Said anew")
    with count_queries() as queries:
        body, status = async_to_sync(read)(page_of(post))
    assert b"Said anew" in body
    assert "; hit" in status
    assert queries.count == 0


def test_pages_that_are_not_public_are_not_written_through(admin_client, post, monkeypatch):
    refreshed = []
    monkeypatch.setattr(write_through, "refresh_page", lambda path, origin: refreshed.append(path))
    save_form(admin_client, form_of(post), status="draft")
    save_form(admin_client, form_of(post), status="published")
    assert refreshed == [post.get_absolute_url()]


@pytest.mark.parametrize("error", [RuntimeError("no template"), TimeoutError()])
def test_a_failed_write_through_is_no_error_for_the_writer(admin_client, post, monkeypatch, caplog, error):
    async def broken(path, origin):
        raise error

    monkeypatch.setattr(write_through, "warm_page", broken)
    save_form(admin_client, form_of(post), title="Said anew")
    post.refresh_from_db()
    assert post.title == "Said anew"
    assert "after a write" in caplog.text
