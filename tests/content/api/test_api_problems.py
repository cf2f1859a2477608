"""Every error under /api/ is a problem (RFC 9457), and no request is a 500."""

import logging

import pytest

from content import resources
from content.api.parameters import CURSOR
from content.caching.errors import LoadTimeout, Overloaded
from content.limits import local

pytestmark = pytest.mark.django_db

POSTS = "/api/v1/posts/"


def problem_of(answer, status):
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    problem = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    return problem


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=-1", "limit=", "limit=x", "limit=1e1", "limit=1.0", "limit=+5", "limit=%D9%A3",
        f"limit={'9' * 5000}", "limit=1_0", "ordering=title", "ordering=", "since=", "since=yesterday", "since=0",
        "since=2026-02-30", "since=2026-13-01", "since=99999-01-01", "since=2026-01-31T09:00:00", "since=1e400",
        "until=0000-00-00", "since=0001-01-01T00:00:00%2B14:00", "until=9999-12-31T23:59:59-14:00",
        "since=2026-01-01%00", "after=", "after=x", "after=1", "after=-1-2", f"after={'9' * 300}-1", "after=1-2%00",
        "after=%F0%9F%98%80", "category=", "category=a%00b", "tag=../x", f"author={'a' * 201}", "q=", "q=%00",
        f"q={'x' * 10_000}", "q=a%00b", "fields=", "fields=password", "fields=title,,slug", "fields=title,",
        "fields=__class__", f"fields={'title,' * 500}title", "limit=5&limit=6", "%00=1", "=1", "LIMIT=5",
    ],
)  # fmt: skip
def test_an_invalid_value_is_refused_with_its_place(client, blog, query):
    problem = problem_of(client.get(f"{POSTS}?{query}"), 400)
    name = query.partition("=")[0]
    places = problem["errors"]
    assert [place["where"] for place in places] == ["query"]
    assert places[0]["detail"]
    if name.isalpha():
        assert places[0]["name"] == name
        assert name in problem["detail"]


@pytest.mark.parametrize(
    "query", ["since=0001-01-01", "until=9999-12-31", f"after={'9' * 16}-{'9' * 18}", "after=0-0"]
)
def test_a_far_range_is_empty_and_not_an_error(client, blog, query):
    assert client.get(f"{POSTS}?{query}").status_code == 200
    assert client.get(f"{POSTS}?{query}&ordering=oldest").status_code == 200


def test_an_unknown_parameter_is_refused_with_the_known_ones(client, blog):
    problem = problem_of(client.get(f"{POSTS}?categroy=news"), 400)
    assert problem["errors"][0]["name"] == "categroy"
    for name in ("category", "tag", "author", "since", "until", "q", "limit", "after", "fields", "ordering"):
        assert name in problem["errors"][0]["detail"]
    assert "none here" in problem_of(client.get("/api/v1/?x=1"), 400)["errors"][0]["detail"]


def test_more_parameters_than_django_reads_are_refused(client, blog):
    problem_of(client.get(f"{POSTS}?{'&'.join(f'a{number}=1' for number in range(2000))}"), 400)


def test_several_mistakes_are_reported_together(client, blog):
    problem = problem_of(client.get(f"{POSTS}?limit=0&since=x&tag="), 400)
    assert {place["name"] for place in problem["errors"]} == {"limit", "since", "tag"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/posts/nothing/", "/api/v1/pages/nothing/", "/api/v1/authors/nobody/", "/api/v1/categories/x/",
        "/api/v1/tags/x/", "/api/v1/posts/?tag=nothing", "/api/v1/posts/nothing/comments/", "/api/", "/api/v2/",
        "/api/v1/nothing", "/api/v1/posts/a/b/c/", "/api/v1/posts/%00/", "/api/v1/%ff%fe", "/api/v1/posts/a%00b",
        "/api/v1//posts/", "/api/v1/search/?q=body&page=1000", "/api/v1/" + "x" * 3000,
    ],
)  # fmt: skip
def test_an_unknown_path_is_a_problem_too(client, blog, path):
    problem = problem_of(client.get(path), 404)
    assert problem["instance"].startswith("/api/")


def test_a_withdrawn_post_is_410_until_it_is_published_again(client, blog, django_capture_on_commit_callbacks):
    for status, wanted in (("withdrawn", 410), ("published", 200), ("draft", 404)):
        with django_capture_on_commit_callbacks(execute=True):
            blog[3].status = status
            blog[3].save()
        for path in (f"{POSTS}post-3/", f"{POSTS}post-3/comments/"):
            assert client.get(path).status_code == wanted
    problem_of(client.get(f"{POSTS}post-3/"), 404)


def test_a_missing_tag_is_there_once_it_is_created(client, blog, django_capture_on_commit_callbacks):
    problem_of(client.get(f"{POSTS}?tag=red"), 404)
    with django_capture_on_commit_callbacks(execute=True):
        blog[0].tags.create(slug="red", name="Red")
    assert client.get(f"{POSTS}?tag=red").json()["total"] == 1


def test_a_path_without_its_last_slash_redirects(client, blog):
    answer = client.get("/api/v1/posts?limit=1")
    assert (answer.status_code, answer["Location"]) == (301, "/api/v1/posts/?limit=1")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "trace"])
@pytest.mark.parametrize("path", [POSTS, "/api/v1/posts/post-1/", "/api/v1/openapi.json", "/api/nothing"])
def test_other_methods_are_405(client, blog, method, path):
    answer = getattr(client, method)(path)
    problem_of(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_head_has_the_fields_of_get(client, blog):
    get, head = client.get(POSTS), client.head(POSTS)
    assert head.status_code == 200
    assert head.content == b""
    assert {name: head.headers[name] for name in ("ETag", "Content-Type", "Content-Length")} == {
        name: get.headers[name] for name in ("ETag", "Content-Type", "Content-Length")
    }


def test_options_allows_all_origins(client, blog):
    answer = client.options(POSTS, headers={"Origin": "https://example.org", "Access-Control-Request-Method": "GET"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Allow"] == answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(("error", "seconds"), [(Overloaded("full", retry_after=7), "7"), (LoadTimeout("slow"), "2")])
def test_an_overload_is_503_with_retry_after(client, blog, monkeypatch, error, seconds):
    async def raise_error(*args):
        raise error

    monkeypatch.setattr(resources.periods, "get", raise_error)
    answer = client.get(POSTS)
    problem_of(answer, 503)
    assert answer.headers["Retry-After"] == seconds
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_unexpected_error_is_500_without_details_and_logged(client, blog, monkeypatch, caplog):
    async def fail(*args):
        raise RuntimeError("the secret of it")

    monkeypatch.setattr(resources.periods, "get", fail)
    with caplog.at_level(logging.ERROR):
        answer = client.get(POSTS)
    problem_of(answer, 500)
    assert b"secret" not in answer.content
    assert "the secret of it" in caplog.text


def test_too_much_from_one_address_is_refused_until_its_time(client, blog, settings):
    settings.API_A_MINUTE = 3
    left = [client.get(f"{POSTS}?limit=1").headers["RateLimit"] for _ in range(3)]
    assert left == ['"default";r=2', '"default";r=1', '"default";r=0']
    answer = client.get(POSTS)
    problem_of(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit"] == f'"default";r=0;t={answer.headers["Retry-After"]}'
    assert answer.headers["RateLimit-Policy"] == '"default";q=3;w=60'
    assert client.get(POSTS, REMOTE_ADDR="192.0.2.7").status_code == 200
    assert client.options(POSTS).status_code == 204


def test_a_forged_address_is_not_believed(client, blog, settings):
    settings.API_A_MINUTE = 1
    assert client.get(POSTS, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200
    assert client.get(POSTS, headers={"X-Forwarded-For": "192.0.2.2"}).status_code == 429
    assert len(local.times) == 1


def test_the_pattern_of_positions_is_the_documented_one():
    assert CURSOR == r"^[0-9]{1,16}-[0-9]{1,18}$"
