"""Warming for the API loads the entries that its responses read."""

import pytest
from django.core.cache import cache

from content.caching.queries import count_queries
from content.warming import plan_chosen, warm, warm_chosen
from tests.support.blog import make_blog, make_post

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = [
    "/api/v1/",
    "/api/v1/posts/",
    "/api/v1/posts/post-3/",
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
]


@pytest.fixture
def blog():
    cache.clear()
    make_post("about", kind="page")
    yield make_blog()
    cache.clear()


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_that_was_warmed_does_no_sql(async_client, blog, path):
    await warm(await plan_chosen(urls=[path]))
    with count_queries() as queries:
        answer = await async_client.get(path)
    assert answer.status_code == 200
    assert queries.statements == []


async def test_the_popular_are_warm_for_the_api_too(async_client, blog):
    await warm_chosen()
    with count_queries() as queries:
        for path in ("/api/v1/posts/", "/api/v1/tags/", "/api/v1/posts/?since=2020-01-01&limit=7"):
            assert (await async_client.get(path)).status_code == 200
    assert queries.statements == []


async def test_unknown_paths_of_the_api_cannot_be_warmed(blog):
    with pytest.raises(LookupError, match="/api/v1/posts/"):
        await plan_chosen(urls=["/api/v1/nothing/"])
