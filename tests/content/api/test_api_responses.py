"""Responses match the OpenAPI document: every schema, header and path; and a second read does no query."""

import re
from datetime import timedelta

import jsonschema_rs
import pytest
from django.utils import timezone

from content.api.router import SELECTABLE
from content.caching.queries import count_queries
from content.documents import CoverDocument, PostCard
from content.models import Author, Comment, PostViews
from tests.support.blog import make_post

pytestmark = pytest.mark.django_db

PATHS = [
    "/api/v1/",
    "/api/v1/posts/",
    "/api/v1/posts/?category=news&tag=green&author=ann&ordering=oldest&limit=3",
    "/api/v1/posts/?since=2020-01-01&until=2999-01-01T00:00:00Z&q=body",
    "/api/v1/posts/post-3/",
    "/api/v1/posts/post-3/comments/",
    "/api/v1/pages/",
    "/api/v1/pages/about/",
    "/api/v1/authors/",
    "/api/v1/authors/ann/",
    "/api/v1/categories/",
    "/api/v1/categories/news/",
    "/api/v1/tags/",
    "/api/v1/tags/green/",
    "/api/v1/popular/",
    "/api/v1/trending/",
    "/api/v1/search/?q=body",
]


@pytest.fixture
def site(blog):
    """Everything that an answer can have is there once."""
    make_post("about", kind="page", authors=list(Author.objects.all()))
    comment = Comment.objects.create(post=blog[3], author_name="Eve", body="Good.", status="approved")
    Comment.objects.create(post=blog[3], author_name="Ian", body="So it is.", status="approved", parent=comment)
    PostViews.objects.create(post=blog[2], total=7, heat=3.0, last_viewed_at=timezone.now())
    return blog


@pytest.fixture
def document(client):
    return client.get("/api/v1/openapi.json").json()


def readers_paths(document):
    return {path: each for path, each in document["paths"].items() if not path.startswith("/api/v1/ops/")}


def operation_of(document, path):
    bare = path.partition("?")[0]
    fitting = [known for known in readers_paths(document) if re.fullmatch(known.replace("{slug}", "[^/]+"), bare)]
    return document["paths"][fitting[0]]["get"]


def strict(node):
    """Require each documented field, and no other."""
    if isinstance(node, dict):
        node = {name: strict(each) for name, each in node.items()}
        if "properties" in node:
            node |= {"required": list(node["properties"]), "additionalProperties": False}
    return [strict(each) for each in node] if isinstance(node, list) else node


@pytest.mark.parametrize("path", PATHS)
def test_every_response_matches_its_schema_exactly(client, site, document, path):
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    schema = operation_of(document, path)["responses"]["200"]["content"]["application/json"]["schema"]
    components = strict(document["components"]["schemas"])
    components["Problem"]["required"].remove("errors")
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": components}})
    assert [str(error) for error in validator.iter_errors(answer.json())] == []


def test_every_documented_path_is_requested_here(document):
    tried = {operation_of(document, path)["operationId"] for path in PATHS}
    assert tried == {path["get"]["operationId"] for path in readers_paths(document).values()}


@pytest.mark.parametrize("path", PATHS)
def test_a_second_read_does_no_sql(client, site, path):
    client.get(path)
    with count_queries() as queries:
        assert client.get(path).status_code == 200
    assert queries.statements == []


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_its_cache_and_cors_headers(client, site, path):
    answer = client.get(path)
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["ETag"] == client.get(path).headers["ETag"]
    assert ("max-age=86400" in answer.headers["Evergreen-Cache-Control"]) == ("?" not in path)
    assert answer.headers["RateLimit-Policy"] == '"default";q=600;w=60'
    assert ("RateLimit" in answer.headers) == ("?" in path)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["posts/?category=news", "posts/?tag=green", "posts/?author=ann"])
def test_the_edge_may_store_the_list_of_one_term(client, site, path):
    assert "max-age=86400" in client.get(f"/api/v1/{path}").headers["Evergreen-Cache-Control"]


def test_all_links_lead_somewhere(client, site):
    """From the index, by every path that an answer names."""
    seen, waiting = set(), ["/api/v1/"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.startswith("/api/v1/search/"):
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        if answer.headers["Content-Type"] == "application/json" and "openapi" not in path:
            waiting += re.findall(r'"(/api/v1/[^"]*)"', answer.content.decode())
    assert len(seen) > 40


def test_authors_categories_and_tags_come_with_their_counts_in_pages(client, site):
    first = client.get("/api/v1/authors/?limit=1").json()
    assert [(item["slug"], item["posts"]) for item in first["items"]] == [("ann", 25)]
    second = client.get(first["next"]).json()
    assert [item["slug"] for item in second["items"]] == ["bob"]
    assert (second["next"], second["total"]) == (None, 2)


def test_a_new_author_or_tag_is_in_the_list_at_once(client, site, django_capture_on_commit_callbacks):
    client.get("/api/v1/authors/")
    with django_capture_on_commit_callbacks(execute=True):
        Author.objects.create(slug="zoe", name="Zoe")
    assert [item["slug"] for item in client.get("/api/v1/authors/").json()["items"]] == ["ann", "bob", "zoe"]


def test_a_new_page_is_in_the_list_at_once(client, site, django_capture_on_commit_callbacks):
    assert [item["slug"] for item in client.get("/api/v1/pages/").json()["items"]] == ["about"]
    with django_capture_on_commit_callbacks(execute=True):
        make_post("imprint", kind="page", published_at=timezone.now() - timedelta(days=1))
    assert [item["slug"] for item in client.get("/api/v1/pages/").json()["items"]] == ["about", "imprint"]


def test_a_comment_shows_once_it_is_approved(client, site, django_capture_on_commit_callbacks):
    path = "/api/v1/posts/post-5/comments/"
    assert client.get(path).json() == {"items": [], "total": 0}
    with django_capture_on_commit_callbacks(execute=True):
        comment = Comment.objects.create(post=site[5], author_name="Eve", author_email="eve@example.org", body="Yes.")
    assert client.get(path).json()["total"] == 0
    with django_capture_on_commit_callbacks(execute=True):
        comment.status = "approved"
        comment.save()
    assert client.get(path).json()["items"][0]["author_name"] == "Eve"
    assert b"example.org" not in client.get(path).content


def test_search_finds_and_pages(client, site):
    found = client.get("/api/v1/search/?q=body&limit=10").json()
    assert (len(found["items"]), found["total"]) == (10, 26)
    assert "page=2" in found["next"]
    assert client.get("/api/v1/search/?q=%21%21").json() == {"items": [], "total": 0, "next": None}


def test_a_list_of_posts_can_be_filtered_by_words(client, site):
    assert client.get("/api/v1/posts/?q=post-7").json()["items"][0]["slug"] == "post-7"
    assert client.get("/api/v1/posts/?q=nonesuch").json()["total"] == 0
    assert client.get("/api/v1/posts/?q=%21").json()["total"] == 0


def test_the_schemas_are_independent_of_the_documents_of_pages():
    """A field that pages come to need is not one of the API by accident."""
    assert not any(issubclass(shape, (PostCard, CoverDocument)) for shape in SELECTABLE)
