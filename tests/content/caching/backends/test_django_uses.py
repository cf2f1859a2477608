"""Values that Django itself and its users keep in the `default` cache, through both APIs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.http import HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import cache_page

from tests.support.caches import memcached_cache


@pytest.fixture(params=["redis", "zstd", "memcached"])
def each_cache(request, open_cache, redis_server, memcached_server):
    """Redis with and without a compressor, and Memcached."""
    if request.param == "memcached":
        with override_settings(CACHES={"default": memcached_cache(memcached_server.url)}):
            caches["default"].clear()
            yield caches["default"]
        return
    options = {"COMPRESSOR": "content.caching.compressor.ZstdCompressor", "COMPRESS_FROM": 1}
    yield open_cache(redis_server.url, **(options if request.param == "zstd" else {}))


VALUES = [
    Decimal("1.10"),
    date(2026, 1, 1),
    datetime(2026, 1, 1, 12),
    datetime(2026, 1, 1, 12, tzinfo=UTC),
    timedelta(days=1, microseconds=3),
    UUID(int=7),
    {1, 2},
    frozenset({"a"}),
    (1, ("two", [3])),
    mark_safe("<b>"),
    2**64,
    -(2**63) - 1,
    10**5000,
    {1: "int", None: "none", b"b": "bytes", (1, 2): "tuple", date(2026, 1, 1): "date"},
    [{"sku": "a", "price": Decimal("9.99"), "sizes": {1, 2}}],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:25] if value != 10**5000 else "10**5000")
async def test_values_keep_their_types(each_cache, value):
    each_cache.set("sync", value)
    await each_cache.aset("async", value)
    for found in (
        each_cache.get("async"),
        await each_cache.aget("sync"),
        each_cache.get_many(["async"])["async"],
        (await each_cache.aget_many(["sync"]))["sync"],
    ):
        assert found == value
        assert type(found) is type(value)


def test_the_tag_cache(each_cache):
    template = engines["django"].from_string("{% load cache %}{% cache 60 side %}<b>{{ x }}</b>{% endcache %}")
    assert [template.render({"x": "1 & 2"}), template.render({"x": "later"})] == ["<b>1 &amp; 2</b>"] * 2


def test_cache_page_of_django(each_cache):
    calls = []

    @cache_page(60)
    def view(request):
        calls.append(request.path)
        response = HttpResponse("é", content_type="text/plain; charset=utf-8", headers={"X-Mine": "yes"})
        response.set_cookie("seen", "1", max_age=0)
        return response

    first, second = view(RequestFactory().get("/")), view(RequestFactory().get("/"))
    assert calls == ["/"]
    assert (second.content, second["X-Mine"], second.cookies.output()) == (
        first.content,
        "yes",
        first.cookies.output(),
    )
    assert type(second) is HttpResponse
    head = view(RequestFactory().head("/"))
    assert (head.status_code, calls) == (200, ["/"])


async def test_cache_page_of_a_template_response(each_cache):
    calls = []

    @cache_page(60)
    def view(request):
        calls.append(1)
        return TemplateResponse(request, engines["django"].from_string("<i>{{ x }}</i>"), {"x": "é"})

    answers = [(await sync_to_async(view)(AsyncRequestFactory().get("/"))).render() for _ in range(2)]
    assert [answer.content for answer in answers] == ["<i>é</i>".encode()] * 2
    assert calls == [1]


@pytest.mark.parametrize("value", [object(), lambda: None, [object()], {"a": (object(),)}])
async def test_other_values_are_a_type_error_and_nothing_is_stored(each_cache, value):
    await each_cache.aset_many({"a": 1, "b": 1})
    for store in (each_cache.set, each_cache.add):
        with pytest.raises(TypeError):
            store("new", value)
    with pytest.raises(TypeError):
        await each_cache.aset("new", value)
    with pytest.raises(TypeError):
        await each_cache.aadd("new", value)
    with pytest.raises(TypeError):
        each_cache.set_many({"a": 2, "b": value})
    with pytest.raises(TypeError):
        await each_cache.aset_many({"a": 2, "b": value})
    assert await each_cache.aget_many(["a", "b", "new"]) == {"a": 1, "b": 1}


def test_a_model_is_a_type_error(each_cache):
    with pytest.raises(TypeError, match=r"django.contrib.auth.models.User .* model_to_dict"):
        each_cache.set("user", get_user_model()(username="ann"))


async def test_incr_of_other_numbers(each_cache):
    """Memcached itself adds only whole numbers."""
    if not hasattr(each_cache, "servers"):
        return
    await each_cache.aset_many({"float": 1.5, "decimal": Decimal("0.1"), "large": 2**63 - 1}, None)
    assert await each_cache.aincr("float") == 2.5
    assert each_cache.incr("float", 0.25) == 2.75
    assert await each_cache.adecr("decimal", Decimal("0.3")) == Decimal("-0.2")
    assert await each_cache.aincr("large") == 2**63
    assert each_cache.incr("large") == 2**63 + 1
    await each_cache.aset("whole", 1, 60)
    assert await each_cache.aincr("whole", 0.5) == each_cache.get("whole") == 1.5
    assert 50 < await each_cache.attl("whole") <= 60


def test_a_safe_string_stays_safe(each_cache):
    each_cache.set("x", {"html": mark_safe("<b>")})
    assert type(each_cache.get("x")["html"]) is SafeString
