"""Search, as readers type it."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from content.models import Post
from content.selectors.search import matching
from tests.support.blog import make_post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clean_cache():
    cache.clear()
    yield
    cache.clear()


def found(text: str) -> set[str]:
    return set(matching(Post.objects.public(timezone.now()), text).values_list("slug", flat=True))


def listed(client, text: str, **query) -> list[str]:
    response = client.get("/search/", {"q": text} | query)
    assert response.status_code == 200
    html = response.content.decode()
    return [part.split('"')[0] for part in html.split('search-heading"><a href="')[1:]]


def test_a_title_ranks_above_an_excerpt_and_that_above_a_body(client):
    make_post("body", title="One", body="There is lichen here. " + "Nothing else. " * 20)
    make_post("excerpt", title="Two", excerpt="About lichen", body="Nothing.")
    make_post("title", title="Lichen", body="Nothing.")
    assert listed(client, "lichen") == ["/posts/title/", "/posts/excerpt/", "/posts/body/"]


HOSTILE = [
    '"', '""', '"moss', "NEAR(", "NEAR(moss, 3)", "-moss", "*", "moss*", "AND OR NOT", "^moss", "title:moss",
    "title : moss", "{title}: moss", "moss\x00", "\x00", "'", "'; DROP TABLE content_post; --", "%", "%s", "moss:*",
    "moss & !moss", "\\", "<script>", "()", "!!!", "…", "🙂", "🙂 moss", "e\u0301", "\u0301", "漢字", "हिन्दी",
    "\u202e", "ﷺ", "İ", "\ud800", "x" * 10_000, "moss " * 2_000, " ", "a b c d e f g h i j k l m n o p", "1", "²", "ß",
    "\n", "\u2028", "a'b", "a\\'b", "𝔪𝔬𝔰𝔰", "\U000e0001", "\ue000",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_any_input_is_answered(client, text):
    make_post("moss", title="Moss")
    list(matching(Post.objects.all(), text))
    response = client.get("/search/", {"q": text.encode("utf-8", "replace").decode()})
    assert response.status_code == 200


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(text=st.text(st.characters() | st.sampled_from("\"'*-^:()&|!\\\x00 \u0301")))
def test_any_text_is_answered(client, text):
    list(matching(Post.objects.all(), text))
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
def test_what_is_found(text, words):
    make_post("title", title="Moss")
    make_post("body", title="Other", body="Of *moss* on the stone in a garden.")
    make_post("accents", title="Crème", body="A café at example.com, in the Strasse, on Python 3.11.")
    assert found(text) == words


def test_only_what_is_public_is_found(client):
    make_post("draft", title="Moss", status="draft")
    make_post("withdrawn", title="Moss", status="withdrawn")
    make_post("secret", title="Moss", password="x")
    make_post("later", title="Moss", status="scheduled", published_at=timezone.now() + timedelta(hours=1))
    make_post("page", title="Moss", kind="page")
    make_post("post", title="Moss")
    assert sorted(listed(client, "moss")) == ["/page/", "/posts/post/"]


def test_the_index_follows_every_kind_of_write():
    post = make_post("post", title="Moss", body="Moss.")
    assert found("moss") == {"post"}
    Post.objects.filter(pk=post.pk).update(title="Fern", text="Fern.")
    assert (found("moss"), found("fern")) == (set(), {"post"})
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE content_post SET title = 'Sedge', text = '', excerpt = 'A rush.' WHERE id = %s", [post.pk]
        )
    assert (found("fern"), found("sedge rush")) == (set(), {"post"})
    post.html = "<p>Lichen <b>and</b> more.</p>"
    Post.objects.bulk_update([post], ["html"])
    assert found("lichen more") == {"post"}
    Post.objects.bulk_create(
        [Post(slug="bulk", title="Bulk", html="<p>Peat</p>", status="published", published_at=timezone.now())]
    )
    assert found("peat") == {"bulk"}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM content_post WHERE slug = 'bulk'")
    assert found("peat") == set()
    post.delete()
    assert found("sedge") == found("lichen") == set()
