"""Plain error pages: they must work when everything else fails."""

import pytest
from django.test import RequestFactory

from content.views import errors
from content.views.errors import redirect_to_slash
from tests.support.parse import parse_page

STATUSES = [400, 403, 404, 413, 500, 503]


@pytest.mark.parametrize("status", STATUSES)
def test_plain_errors_need_neither_database_nor_cache(settings, status):
    """No `django_db`: a look at the database fails here; and there is no cache to look at."""
    settings.CACHES = {"default": {"BACKEND": "content.no_such_backend"}}
    response = errors.plain_error(RequestFactory().get("/"), status)
    assert response.status_code == status
    assert parse_page(response).find(".//main//a[@class='button']").get("href") == "/"


def test_an_error_page_never_ends_in_another_error(settings):
    """As where static files were never collected."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    response = errors.plain_error(RequestFactory().get("/"), 500)
    assert (response.status_code, response.content) == (500, b"500\n")


def test_the_missing_slash_never_redirects_to_another_host():
    request = RequestFactory().get("/x")
    request.path = "//evil.example/x"
    assert redirect_to_slash(request)["Location"].startswith("/%2F")
