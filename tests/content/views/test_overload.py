import pytest

from content import resources
from content.caching.errors import LoadTimeout, Overloaded

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("error", "seconds"), [(Overloaded("full", retry_after=7), "7"), (LoadTimeout("slow"), "2")])
async def test_a_reader_who_cannot_be_answered_in_time_is_told_when_to_come_back(
    async_client, monkeypatch, error, seconds
):
    async def overloaded(*args):
        raise error

    monkeypatch.setattr(resources.site, "get", overloaded)
    response = await async_client.get("/")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == seconds
    assert response.headers["Cache-Control"] == "no-store"
    assert b"try again" in response.content
