import pytest
from django.db import OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper as Sqlite

from content import resources
from content.caching.errors import LoadTimeout, Overloaded
from content.unavailable import is_database_down
from content.views.errors import form_fields, server_error
from tests.support.parse import parse_page
from tests.support.servers.process import free_port

DEFAULTS = {
    "USER": "", "PASSWORD": "", "OPTIONS": {}, "TIME_ZONE": None, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False,
    "AUTOCOMMIT": True, "ATOMIC_REQUESTS": False, "TEST": {},
}  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("error", "seconds"), [(Overloaded("full", retry_after=7), "7"), (LoadTimeout("slow"), "2")])
async def test_an_overload_is_503_with_retry_after(async_client, monkeypatch, error, seconds):
    async def raise_error(*args):
        raise error

    monkeypatch.setattr(resources.site, "get", raise_error)
    response = await async_client.get("/")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == seconds
    assert response.headers["Cache-Control"] == "no-store"
    assert b"try again" in response.content


@pytest.fixture
def refused(db) -> OperationalError:
    """The error of PostgreSQL's driver at a closed port."""
    settings = DEFAULTS | {"HOST": "127.0.0.1", "PORT": free_port(), "NAME": "x"}
    with pytest.raises(OperationalError) as raised, DatabaseWrapper(settings).cursor():
        pass
    return raised.value


@pytest.mark.parametrize(("path", "kind"), [("/", "text/html"), ("/api/v1/posts/x/", "application/problem+json")])
async def test_a_database_that_is_down_is_503(async_client, monkeypatch, refused, path, kind):
    async def raise_error(*args):
        raise refused

    monkeypatch.setattr(resources.site, "get", raise_error)
    monkeypatch.setattr(resources.post, "get", raise_error)
    response = await async_client.get(path)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.headers["Content-Type"].startswith(kind)
    assert b"database does not answer" in response.content


def test_a_form_can_be_sent_again_from_the_page_even_if_middleware_failed(rf, refused):
    """Django calls `server_error` while it handles the error."""
    fields = {"title": 'An evening of "work"', "body": "<b>One</b>\nTwo"}
    try:
        raise refused
    except OperationalError:
        response = server_error(rf.post("/admin/content/post/1/change/", fields))
    assert response.status_code == 503
    inputs = parse_page(response).findall(".//input[@type='hidden']")
    assert {each.get("name"): each.get("value") for each in inputs} == fields


def test_passwords_are_in_no_page(rf):
    assert form_fields(rf.post("/", {"username": "ann", "new_password1": "secret"})) == []


def test_a_missing_table_does_not_pass():
    with pytest.raises(OperationalError) as raised, Sqlite(DEFAULTS | {"NAME": ":memory:"}).cursor() as cursor:
        cursor.execute("SELECT * FROM nothing")
    assert not is_database_down(raised.value)
