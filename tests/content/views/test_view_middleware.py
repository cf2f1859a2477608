import pytest

from content import resources
from content.caching.errors import LoadTimeout, Overloaded

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
