"""What Fastly and Cloudflare are asked, by their own documentation, and what becomes of what they answer."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.edge.cdn_headers import encode_tag
from content.cdn.batches import batches
from content.cdn.cdn import NotPurged
from content.cdn.cloudflare import Cloudflare
from content.cdn.fastly import Fastly
from content.cdn.opening import opened
from content.cdn.varnish import Varnish
from tests.content.cdn.conftest import Interface
from tests.support.servers.process import free_port

TOKEN = "very-secret"


@pytest.fixture
async def fastly(interface: Interface):
    cdn = Fastly("service1", TOKEN, interface.url)
    yield cdn
    await cdn.close()


@pytest.fixture
async def cloudflare(interface: Interface):
    cdn = Cloudflare("zone1", TOKEN, f"{interface.url}/client/v4")
    yield cdn
    await cdn.close()


@pytest.mark.parametrize("soft", [False, True])
async def test_fastly_purges_by_surrogate_keys(fastly, interface, soft):
    await fastly.purge(["post:1", "a b,c"], soft=soft)
    (asked,) = interface.asked
    assert (asked.method, asked.path) == ("POST", "/service/service1/purge")
    assert asked.body == {"surrogate_keys": ["post:1", "a%20b%2Cc"]}
    assert asked.fields["fastly-key"] == TOKEN
    assert asked.fields.get("fastly-soft-purge") == ("1" if soft else None)


async def test_fastly_takes_256_keys_at_once(fastly, interface):
    tags = [f"post:{number}" for number in range(600)]
    await fastly.purge(tags, soft=False)
    assert [len(asked.body["surrogate_keys"]) for asked in interface.asked] == [256, 256, 88]
    assert [tag for asked in interface.asked for tag in asked.body["surrogate_keys"]] == tags


async def test_fastly_purges_all(fastly, interface):
    await fastly.purge_all()
    assert [(asked.method, asked.path) for asked in interface.asked] == [("POST", "/service/service1/purge_all")]


@pytest.mark.parametrize("soft", [False, True])
async def test_cloudflare_purges_by_tags_100_at_once(cloudflare, interface, soft):
    tags = [f"post:{number}" for number in range(250)]
    await cloudflare.purge(tags, soft=soft)
    assert {(asked.method, asked.path) for asked in interface.asked} == {
        ("POST", "/client/v4/zones/zone1/purge_cache")
    }
    assert [len(asked.body["tags"]) for asked in interface.asked] == [100, 100, 50]
    assert [tag for asked in interface.asked for tag in asked.body["tags"]] == tags
    assert {asked.fields["authorization"] for asked in interface.asked} == {f"Bearer {TOKEN}"}


async def test_cloudflare_purges_all(cloudflare, interface):
    await cloudflare.purge_all()
    assert [asked.body for asked in interface.asked] == [{"purge_everything": True}]


@pytest.mark.parametrize("said", [b'{"success": false, "errors": [{"code": 10000}]}', b"nonsense", b"[]"])
async def test_cloudflare_says_in_its_body_whether_it_did(cloudflare, interface, said):
    interface.answers = [(200, {}, said)]
    with pytest.raises(NotPurged):
        await cloudflare.purge(["a"], soft=False)


@pytest.mark.parametrize(
    ("status", "is_refused"), [(400, True), (422, True), (401, False), (403, False), (404, False), (500, False)]
)
async def test_what_it_refuses_is_told_from_what_may_pass(fastly, interface, status, is_refused):
    interface.answers = [(status, {}, TOKEN.encode())]
    with pytest.raises(NotPurged, match=f"answers {status}") as raised:
        await fastly.purge(["a"], soft=False)
    assert raised.value.is_refused is is_refused
    assert TOKEN not in repr(raised.value)


@pytest.mark.parametrize(("said", "seconds"), [("7", 7), ("100000", 300), ("", 0), ("soon", 0), ("-1", 0), (None, 0)])
async def test_it_is_left_alone_for_as_long_as_it_asks(cloudflare, interface, said, seconds):
    interface.answers = [(429, {} if said is None else {"retry-after": said}, b"")]
    with pytest.raises(NotPurged) as raised:
        await cloudflare.purge(["a"], soft=False)
    assert (raised.value.retry_after, raised.value.is_refused) == (seconds, False)


async def test_it_may_say_until_when(cloudflare, interface):
    interface.answers = [(429, {"retry-after": formatdate(time.time() + 60, usegmt=True)}, b"")]
    with pytest.raises(NotPurged) as raised:
        await cloudflare.purge(["a"], soft=False)
    assert 57 < raised.value.retry_after <= 60


async def test_the_token_is_in_no_log_and_no_error(fastly, interface, caplog):
    with caplog.at_level("DEBUG"):
        await fastly.purge(["a"], soft=False)
        fastly.api.client.base_url = f"http://127.0.0.1:{free_port()}"
        with pytest.raises(NotPurged, match="does not answer: ConnectError") as raised:
            await fastly.purge(["a"], soft=False)
    assert TOKEN not in caplog.text + repr(raised.value)
    assert raised.value.__cause__ is None


async def test_every_varnish_must_confirm_it(interface):
    away = f"127.0.0.1:{free_port()}"
    both = Varnish([interface.url.removeprefix("http://"), away])
    with pytest.raises(NotPurged, match=away):
        await both.purge(["a"], soft=False)
    await both.close()


async def test_varnish_is_asked_in_heads_of_a_bounded_length(interface):
    cdn = Varnish([interface.url.removeprefix("http://")])
    tags = [f"tag-{number:05d}" for number in range(1500)]
    await cdn.purge(tags, soft=False)
    assert {asked.method for asked in interface.asked} == {"PURGE"}
    fields = [asked.fields["xkey-purge"] for asked in interface.asked]
    assert max(map(len, fields)) <= 4000
    assert " ".join(fields).split(" ") == tags
    await cdn.purge(["a"], soft=True)
    assert interface.asked[-1].fields["xkey-softpurge"] == "a"
    await cdn.close()


@pytest.mark.parametrize(
    ("url", "kind"),
    [("varnish://one:1,two:2", Varnish), ("fastly://abc", Fastly), ("cloudflare://abc", Cloudflare)],
)
async def test_a_url_names_it(url, kind):
    cdn = opened(url, TOKEN)
    assert type(cdn) is kind
    await cdn.close()


@given(st.lists(st.text(min_size=1, max_size=40), max_size=60), st.integers(1, 50), st.integers(121, 1000))
def test_batches_have_each_tag_once_and_keep_their_bounds(tags, most, longest):
    written = [encode_tag(tag) for tag in tags]
    found = list(batches(written, most=most, longest=longest))
    assert [tag for batch in found for tag in batch] == written
    assert all(0 < len(batch) <= most and len(" ".join(batch)) <= longest for batch in found)
