"""I5: the admin and logins of the real site while its Redis is down, hung or full: never an error."""

import signal
import time

import httpx
import pytest

from tests.project.test_site_on_each_cache import PASSWORD, SECRETS
from tests.support.forms import FormParser, links
from tests.support.markdown import write_posts
from tests.support.servers.redis import running_redis
from tests.support.service import environment_of, make_tables, manage_each, running_service

pytestmark = pytest.mark.slow


@pytest.fixture
def redis_server():
    with running_redis() as server:
        yield server
        server.process.send_signal(signal.SIGCONT)


@pytest.fixture
def service(redis_server, tmp_path):
    environment = SECRETS | {"REDIS_URL": redis_server.url}
    state = tmp_path / "state"
    state.mkdir()
    admin = ["createsuperuser", "--noinput", "--username", "ann", "--email", "ann@example.org"]
    posts = write_posts(tmp_path / "posts", 12)
    make_tables(state)
    manage_each(environment_of(state) | environment, ["import_content", str(posts)], admin)
    with running_service(state, "--workers", "2", command="serve", environment=environment) as running:
        running.wait_for_line("Serving on")
        yield running


def fail(server, how: str) -> None:
    if how == "down":
        server.process.kill()
        server.process.wait()
    elif how == "hung":
        server.process.send_signal(signal.SIGSTOP)
    else:
        with server.client() as client:
            client.config_set("maxmemory", "1mb")
            client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize("how", ["down", "hung", "full"])
def test_i5_the_admin_and_logins_never_fail(service, redis_server, how):
    began: float
    slowest = 0.0

    def expect(status: int, answer: httpx.Response) -> httpx.Response:
        nonlocal slowest
        assert answer.status_code == status, (answer.request.url, answer.text[:500], service.terminal[-3000:])
        slowest = max(slowest, answer.elapsed.total_seconds())
        return answer

    def log_in(client: httpx.Client) -> None:
        fields = FormParser(expect(200, client.get("/admin/login/")).text).fields | {
            "username": "ann",
            "password": PASSWORD,
        }
        expect(302, client.post("/admin/login/?next=/admin/", data=fields))
        expect(200, client.get("/admin/"))

    with service.client() as before, service.client() as after:
        log_in(before)
        fail(redis_server, how)
        began = time.monotonic()
        for number in range(3):
            expect(200, before.get("/admin/"))
            page = expect(200, before.get("/admin/content/post/?q=Note+12"))
            [post] = {link for link in links(page.text) if "/post/" in link}
            edit = expect(200, before.get(post))
            expect(302, before.post(post, data=FormParser(edit.text).fields | {"title": f"Changed {number}"}))
            assert f"Changed {number}" in expect(200, before.get("/admin/content/post/?q=Changed")).text
            expect(200, after.get("/"))
        log_in(after)
        for client in (before, after):
            expect(200, client.post("/admin/logout/", data=FormParser(client.get("/admin/").text).fields))
            expect(302, client.get("/admin/"))
            expect(302, client.get("/admin/"))
        print(how, f"{time.monotonic() - began:.1f} s, slowest {slowest:.2f} s")
        # Some timeouts of a second, in a request that is the first to meet each of the things that failed.
        assert slowest < 8
