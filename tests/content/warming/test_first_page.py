"""A new process has made a page before it is ready, and is ready after a bounded time."""

import asyncio

import pytest

from content.caching.engines import engine_of
from content.caching.metrics.events import listen
from content.warming.first_page import make_first_page
from content.warming.targets import edge

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_on_redis")]


async def test_the_front_page_is_made_and_not_stored():
    with listen() as events:
        assert await make_first_page() == 200
    assert events["load", "sidebar", ""] == 1
    assert events["store", "page", ""] == 0
    assert not [key for key in engine_of("default").memory.nodes if key.startswith("page@")]


async def test_no_page_is_made_before_the_site_has_an_address(settings):
    settings.WARM_ORIGINS = []
    assert await make_first_page() is None


@pytest.mark.parametrize("outcome", [lambda: asyncio.Event().wait(), lambda: 1 / 0], ids=["hangs", "fails"])
async def test_a_page_that_hangs_or_fails_does_not_keep_a_process_from_its_readers(outcome, monkeypatch, caplog):
    async def application(scope, receive, send):
        await outcome()

    monkeypatch.setattr(edge(), "app", application)
    assert await make_first_page(seconds=0.05) is None
    assert "the first reader makes it" in caplog.text
