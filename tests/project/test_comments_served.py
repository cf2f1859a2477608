"""Comments through a running service: whose address it is that counts, and for all workers together."""

import re

import httpx
import pytest

from tests.support.service import environment_of, make_tables, manage_each, running_service

pytestmark = pytest.mark.long

FORM = "/posts/talk/comment/"
ENVIRONMENT = {"SECRET_KEY": "for tests only", "EVERGREEN_COMMENT_SECONDS": "0"}
POST = """
from content.models import Post
Post.objects.create(slug="talk", title="Talk", status="published")
"""
COUNT = "from content.models import Comment; print(Comment.objects.filter(body__contains='forged').count())"


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comments") / "state"
    folder.mkdir()
    make_tables(folder)
    run_manage(folder, ["shell", "-v0", "-c", POST])
    return folder


def run_manage(folder, *commands) -> str:
    return manage_each(environment_of(folder) | ENVIRONMENT | {"CACHE_URL": "locmem://"}, *commands)


def count_forged_comments(folder) -> int:
    return int(run_manage(folder, ["shell", "-v0", "-c", COUNT]))


def serving(folder, *arguments, cache="locmem://comments"):
    return running_service(folder, *arguments, command="serve", environment=ENVIRONMENT | {"CACHE_URL": cache})


def statuses(service, forwarded, local_address=None, text="Hello") -> list[int]:
    """Post one comment for each X-Forwarded-For, with the form of one reader."""
    transport = httpx.HTTPTransport(local_address=local_address)
    with httpx.Client(base_url=service.url, transport=transport, timeout=20) as client:
        html = client.get(FORM).text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))
        return [
            client.post(
                FORM,
                data=fields | {"name": "Ann", "text": f"{text} {forwarded} {number}"},
                headers={"X-Forwarded-For": address},
            ).status_code
            for number, address in enumerate(forwarded)
        ]


def test_a_forged_address_does_not_avoid_the_limit(state_dir, fresh_redis):
    """Two workers, one count; and this host is no proxy unless it was named."""
    with serving(state_dir, "--workers", "2", cache=fresh_redis) as service:
        service.wait_for_line("Serving on")
        forged = [f"198.51.100.{number}" for number in range(30)]
        answers = statuses(service, forged, text="forged")
    assert answers == [303] * 5 + [429] * 25
    assert count_forged_comments(state_dir) == 5


def test_a_trusted_proxy_names_the_reader(state_dir):
    with serving(state_dir, "--forwarded-allow-ips", "127.0.0.1") as service:
        service.wait_for_line("Serving on")
        assert statuses(service, [f"203.0.113.{number}" for number in range(8)]) == [303] * 8
        # The reader's own value stands before that of the proxy.
        forged = [f"198.51.100.{number}, 203.0.113.99" for number in range(8)]
        assert statuses(service, forged) == [303] * 5 + [429] * 3
        # And who comes past the proxy is no proxy.
        past = [f"203.0.114.{number}" for number in range(8)]
        assert statuses(service, past, "127.0.0.2") == [303] * 5 + [429] * 3
