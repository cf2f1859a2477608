"""Search with the queries that readers type."""

from datetime import timedelta

import html5lib
import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from content.caching.queries import count_queries
from content.models import Post, SiteConfig
from content.rendering import split_words
from content.selectors import search
from tests.support.blog import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]


def find(text: str) -> set[str]:
    found = async_to_sync(search.find_best)({text: words}) if (words := split_words(text)) else {}
    return set(Post.objects.filter(pk__in=found.get(text, [])).values_list("slug", flat=True))


def list_results(client, text: str, **query) -> list[str]:
    response = client.get("/search/", {"q": text} | query)
    assert response.status_code == 200
    html = response.content.decode()
    return [part.split('"')[0] for part in html.split('search-heading"><a href="')[1:]]


def test_a_title_ranks_above_an_excerpt_and_that_above_a_body(client):
    make_post("body", title="One", body="There is lichen here. " + "Nothing else. " * 20)
    make_post("excerpt", title="Two", excerpt="About lichen", body="Nothing.")
    make_post("title", title="Lichen", body="Nothing.")
    assert list_results(client, "lichen") == ["/posts/title/", "/posts/excerpt/", "/posts/body/"]


HOSTILE = [
    '"', '""', '"moss', "NEAR(", "NEAR(moss, 3)", "-moss", "*", "moss*", "AND OR NOT", "^moss", "title:moss",
    "title : moss", "{title}: moss", "moss\x00", "\x00", "'", "'; DROP TABLE content_post; --", "%", "%s", "moss:*",
    "moss & !moss", "\\", "<script>", "()", "!!!", "…", "🙂", "🙂 moss", "e\u0301", "\u0301", "漢字", "हिन्दी",
    "\u202e", "ﷺ", "İ", "\ud800", "x" * 10_000, "moss " * 2_000, " ", "a b c d e f g h i j k l m n o p", "1", "²",
    "ß", "\n", "\u2028", "a'b", "a\\'b", "𝔪𝔬𝔰𝔰", "\U000e0001", "\ue000",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_any_input_is_answered(client, text):
    make_post("moss", title="Moss")
    find(text)
    response = client.get("/search/", {"q": text.encode("utf-8", "replace").decode()})
    assert response.status_code == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.text(st.characters() | st.sampled_from("\"'*-^:()&|!\\\x00 \u0301")))
def test_any_text_is_answered(client, text):
    find(text)
    assert client.get("/search/", {"q": text.encode("utf-8", "replace").decode()}).status_code == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("moss", {"title", "body"}),
        ("MOSS", {"title", "body"}),
        ("mosses", {"title", "body"}),
        ("stones moss", {"body"}),
        ("moss -stone", {"body"}),
        ("cafe", {"accents"}),
        ("Café", {"accents"}),
        ("strass", {"accents"}),
        ("gar", {"body"}),
        ("ga", set()),
        ("example com", {"accents"}),
        ("3.11", {"accents"}),
        ("lichen", set()),
        ("em", set()),
    ],
)
def test_queries_find_words_and_inflections(text, words):
    make_post("title", title="Moss")
    make_post("body", title="Other", body="Of *moss* on the stone in a garden.")
    make_post("accents", title="Crème", body="A café at example.com, in the Strasse, on Python 3.11.")
    assert find(text) == words


def test_only_public_posts_are_found(client):
    make_post("draft", title="Moss", status="draft")
    make_post("withdrawn", title="Moss", status="withdrawn")
    make_post("secret", title="Moss", password="x")
    make_post("later", title="Moss", status="scheduled", published_at=timezone.now() + timedelta(hours=1))
    make_post("page", title="Moss", kind="page")
    make_post("post", title="Moss")
    assert sorted(list_results(client, "moss")) == ["/page/", "/posts/post/"]


def test_the_index_follows_every_kind_of_write():
    post = make_post("post", title="Moss", body="Moss.")
    assert find("moss") == {"post"}
    Post.objects.filter(pk=post.pk).update(title="Fern", text="Fern.")
    assert (find("moss"), find("fern")) == (set(), {"post"})
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE content_post SET title = 'Sedge', text = '', excerpt = 'A rush.' WHERE id = %s", [post.pk]
        )
    assert (find("fern"), find("sedge rush")) == (set(), {"post"})
    post.html = "<p>Lichen <b>and</b> more.</p>"
    Post.objects.bulk_update([post], ["html"])
    assert find("lichen more") == {"post"}
    Post.objects.bulk_create(
        [Post(slug="bulk", title="Bulk", html="<p>Peat</p>", status="published", published_at=timezone.now())]
    )
    assert find("peat") == {"bulk"}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM content_post WHERE slug = 'bulk'")
    assert find("peat") == set()
    post.delete()
    assert find("sedge") == find("lichen") == set()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL ranks the newest alone")
def test_a_word_of_more_posts_than_are_ranked_is_ranked_by_title_then_by_age(client, monkeypatch):
    monkeypatch.setattr(search, "MOST_FOUND", 3)
    now = timezone.now()
    make_post("titled", title="Moss", published_at=now - timedelta(hours=20))
    for number in range(6):
        make_post(f"post-{number}", title="One", body="Moss.", published_at=now - timedelta(hours=9 - number))
    assert list_results(client, "moss")[:2] == ["/posts/titled/", "/posts/post-5/"]


@pytest.fixture
def many():
    SiteConfig(title="Test blog", posts_per_page=10).save()
    for number in range(12):
        make_post(f"post-{number}", title=f"Moss {number}")


def test_pages_of_results_are_numbered_and_end(client, many):
    first, second = client.get("/search/?q=moss").content.decode(), client.get("/search/?q=moss&page=2")
    assert "12 results for <q>moss</q>, page 1 of 2" in first
    assert 'rel="next" href="/search/?q=moss&amp;page=2"' in first
    assert 'rel="prev" href="/search/?q=moss"' in second.content.decode()
    assert set(list_results(client, "moss")).isdisjoint(list_results(client, "moss", page=2))
    for page in ("3", "999999", "0", "x", "9" * 5000):
        assert client.get(f"/search/?q=moss&page={page}").status_code == 404


def test_the_same_words_are_searched_once(client, many):
    client.get("/search/?q=moss")
    with count_queries() as queries:
        for text in ("moss", "  MOSS ", '"moss"', "moss moss"):
            assert client.get("/search/", {"q": text}).status_code == 200
    assert queries.statements == []


def test_a_write_invalidates_results(client, many, django_capture_on_commit_callbacks):
    assert len(list_results(client, "moss")) == 10
    with django_capture_on_commit_callbacks(execute=True):
        make_post("last", title="Moss, the last", kind="page")
    assert "13 results" in client.get("/search/?q=moss").content.decode()


def test_without_words_the_page_shows_the_form_and_a_hint(client):
    assert 'name="q" value=""' in client.get("/search/").content.decode()
    assert "There is no word in <q>!?</q>" in client.get("/search/?q=!%3F").content.decode()
    html = client.get("/search/?q=lichen").content.decode()
    assert "Nothing was found for <q>lichen</q>" in html
    assert 'value="lichen"' in html


@pytest.mark.parametrize("query", ["", "?q=moss", "?q=moss&page=2", "?q=lichen", "?q=!", "?q=%22%3E%3Cb%3Emoss"])
def test_it_is_valid_html(client, many, query):
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(client.get(f"/search/{query}").content.decode())


def test_queries_and_results_are_escaped(client):
    make_post("post", title="<b>Moss</b> & fern", body="`<script>moss</script>`")
    html = client.get("/search/", {"q": '"><script>moss'}).content.decode()
    assert "<script>moss" not in html
    assert "&lt;b&gt;<mark>Moss</mark>&lt;/b&gt; &amp; fern" in html
    assert "&lt;<mark>script</mark>&gt;<mark>moss</mark>" in html


def test_results_are_the_readers_own_and_no_robot_keeps_them(client, many):
    found = client.get("/search/?q=moss")
    assert found["Cache-Control"] == "private, no-cache"
    assert "Evergreen-Cache-Control" not in found
    assert found["X-Robots-Tag"] == client.get("/search/")["X-Robots-Tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in found.content.decode()
    assert "Evergreen-Cache-Control" in client.get("/search/")


def test_without_its_last_slash_it_has_moved_with_its_words(client):
    response = client.get("/search?q=moss")
    assert (response.status_code, response["Location"]) == (301, "/search/?q=moss")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="FTS5 knows the inflections of English alone")
def test_a_posts_language_inflects_its_words():
    SiteConfig(title="Blog", language="de").save()
    make_post("haus", title="Viele Häuser", language="de")
    make_post("house", title="Many houses", language="en")
    assert find("Haus") == {"haus"}
    assert find("houses") == {"house"}
