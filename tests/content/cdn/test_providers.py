"""The requests to each CDN, by its own documentation, and how its responses are understood."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.edge.cdn_headers import encode_tag
from content.cdn.cdn import NotPurged
from content.cdn.providers import Cloudflare, Fastly, Varnish, open_cdn, split_tags
from tests.content.cdn.conftest import FakeApi
from tests.support.servers.process import free_port

TOKEN = "very-secret"


@pytest.fixture
async def fastly(api: FakeApi):
    cdn = Fastly("service1", TOKEN, api.url)
    yield cdn
    await cdn.close()


@pytest.fixture
async def cloudflare(api: FakeApi):
    cdn = Cloudflare("zone1", TOKEN, f"{api.url}/client/v4")
    yield cdn
    await cdn.close()


@pytest.mark.parametrize("soft", [False, True])
async def test_fastly_purges_by_surrogate_keys(fastly, api, soft):
    await fastly.purge(["post:1", "a b,c"], soft=soft)
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/service/service1/purge")
    assert request.body == {"surrogate_keys": ["post:1", "a%20b%2Cc"]}
    assert request.fields["fastly-key"] == TOKEN
    assert request.fields.get("fastly-soft-purge") == ("1" if soft else None)


async def test_fastly_gets_256_keys_in_a_request(fastly, api):
    tags = [f"post:{number}" for number in range(600)]
    await fastly.purge(tags, soft=False)
    assert [len(request.body["surrogate_keys"]) for request in api.requests] == [256, 256, 88]
    assert [tag for request in api.requests for tag in request.body["surrogate_keys"]] == tags


async def test_fastly_purges_all(fastly, api):
    await fastly.purge_all()
    assert [(request.method, request.path) for request in api.requests] == [("POST", "/service/service1/purge_all")]


@pytest.mark.parametrize("soft", [False, True])
async def test_cloudflare_gets_100_tags_in_a_request(cloudflare, api, soft):
    tags = [f"post:{number}" for number in range(250)]
    await cloudflare.purge(tags, soft=soft)
    assert {(request.method, request.path) for request in api.requests} == {
        ("POST", "/client/v4/zones/zone1/purge_cache")
    }
    assert [len(request.body["tags"]) for request in api.requests] == [100, 100, 50]
    assert [tag for request in api.requests for tag in request.body["tags"]] == tags
    assert {request.fields["authorization"] for request in api.requests} == {f"Bearer {TOKEN}"}


async def test_cloudflare_purges_all(cloudflare, api):
    await cloudflare.purge_all()
    assert [request.body for request in api.requests] == [{"purge_everything": True}]


@pytest.mark.parametrize("body", [b'{"success": false, "errors": [{"code": 10000}]}', b"nonsense", b"[]"])
async def test_cloudflare_confirms_in_the_body(cloudflare, api, body):
    api.responses = [(200, {}, body)]
    with pytest.raises(NotPurged):
        await cloudflare.purge(["a"], soft=False)


@pytest.mark.parametrize(
    ("status", "is_refused"), [(400, True), (422, True), (401, False), (403, False), (404, False), (500, False)]
)
async def test_refusals_differ_from_temporary_failures(fastly, api, status, is_refused):
    api.responses = [(status, {}, TOKEN.encode())]
    with pytest.raises(NotPurged, match=f"answers {status}") as raised:
        await fastly.purge(["a"], soft=False)
    assert raised.value.is_refused is is_refused
    assert TOKEN not in repr(raised.value)


@pytest.mark.parametrize(("text", "seconds"), [("7", 7), ("100000", 300), ("", 0), ("soon", 0), ("-1", 0), (None, 0)])
async def test_retry_after_in_seconds(cloudflare, api, text, seconds):
    api.responses = [(429, {} if text is None else {"retry-after": text}, b"")]
    with pytest.raises(NotPurged) as raised:
        await cloudflare.purge(["a"], soft=False)
    assert (raised.value.retry_after, raised.value.is_refused) == (seconds, False)


async def test_retry_after_as_a_date(cloudflare, api):
    api.responses = [(429, {"retry-after": formatdate(time.time() + 60, usegmt=True)}, b"")]
    with pytest.raises(NotPurged) as raised:
        await cloudflare.purge(["a"], soft=False)
    assert 57 < raised.value.retry_after <= 60


async def test_the_token_is_in_no_log_and_no_error(fastly, api, caplog):
    with caplog.at_level("DEBUG"):
        await fastly.purge(["a"], soft=False)
        fastly.client.http.base_url = f"http://127.0.0.1:{free_port()}"
        with pytest.raises(NotPurged, match="does not answer: ConnectError") as raised:
            await fastly.purge(["a"], soft=False)
    assert TOKEN not in caplog.text + repr(raised.value)
    assert raised.value.__cause__ is None


async def test_every_varnish_must_confirm_it(api):
    down = f"127.0.0.1:{free_port()}"
    both = Varnish([api.url.removeprefix("http://"), down])
    with pytest.raises(NotPurged, match=down):
        await both.purge(["a"], soft=False)
    await both.close()


async def test_varnish_gets_header_lines_of_a_bounded_length(api):
    cdn = Varnish([api.url.removeprefix("http://")])
    tags = [f"tag-{number:05d}" for number in range(1500)]
    await cdn.purge(tags, soft=False)
    assert {request.method for request in api.requests} == {"PURGE"}
    fields = [request.fields["xkey-purge"] for request in api.requests]
    assert max(map(len, fields)) <= 4000
    assert " ".join(fields).split(" ") == tags
    await cdn.purge(["a"], soft=True)
    assert api.requests[-1].fields["xkey-softpurge"] == "a"
    await cdn.close()


@pytest.mark.parametrize(
    ("url", "kind"),
    [("varnish://one:1,two:2", Varnish), ("fastly://abc", Fastly), ("cloudflare://abc", Cloudflare)],
)
async def test_the_scheme_of_the_url_selects_the_cdn(url, kind):
    cdn = open_cdn(url, TOKEN)
    assert type(cdn) is kind
    await cdn.close()


@given(st.lists(st.text(min_size=1, max_size=40), max_size=60), st.integers(1, 50), st.integers(121, 1000))
def test_batches_have_each_tag_once_within_both_limits(tags, most, longest):
    batches = list(split_tags(tags, most=most, longest=longest))
    assert [tag for batch in batches for tag in batch] == list(map(encode_tag, tags))
    assert all(0 < len(batch) <= most and len(" ".join(batch)) <= longest for batch in batches)
