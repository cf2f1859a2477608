"""nginx accepts its configuration, a linter finds nothing, and the site behind it gets what it trusts."""

import gzip
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from content.images import LARGEST_IMAGE
from project.serving.worker_main import KEEP_ALIVE
from tests.support.servers.nginx import HOST, running_nginx, write_nginx
from tests.support.targets import DEPLOY

UPSTREAMS = {
    "systemd": DEPLOY / "nginx/evergreen.d/upstream.conf",
    "compose": DEPLOY / "compose/upstream.conf",
    "varnish": DEPLOY / "varnish/upstream.conf",
}
PUBLIC = "public, no-cache"
# Seconds after which nginx, which counts whole ones, validates a stored page.
FRESH = 2.2


class Application(BaseHTTPRequestHandler):
    """Answers with the fields that it got. The query says with which Cache-Control."""

    protocol_version = "HTTP/1.1"
    calls = 0
    asked = threading.Event()
    may_respond = threading.Event()
    may_respond.set()

    def do_GET(self) -> None:
        type(self).calls += 1
        self.asked.set()
        self.may_respond.wait(10)
        body = json.dumps({"fields": dict(self.headers), "calls": self.calls}).encode()
        self.send_response(101 if self.headers.get("Upgrade") else 200)
        control = {"/public/": PUBLIC, "/private/": "private"}.get(self.path)
        if control:
            self.send_header("Cache-Control", control)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments) -> None:
        pass


class Server(ThreadingHTTPServer):
    """When it closes, it closes its connections too: nginx keeps some for its next requests."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Application)
        self.connections: list[socket.socket] = []

    def get_request(self):
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def server_close(self) -> None:
        super().server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def application(port: int = 0):
    server = Server(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site(tmp_path):
    """nginx before an application, and a client that trusts it."""
    with application() as port, running_nginx(tmp_path, port) as nginx, client_of(nginx) as client:
        yield nginx, client


@contextmanager
def client_of(nginx):
    context = ssl.create_default_context()
    nginx.authority.configure_trust(context)
    with httpx.Client(verify=context, timeout=10) as client:

        def get(path: str, host: str = HOST, **fields: str) -> httpx.Response:
            return client.get(
                f"https://127.0.0.1:{nginx.tls}{path}",
                headers={"Host": host} | {name.replace("_", "-"): value for name, value in fields.items()},
                extensions={"sni_hostname": host},
            )

        yield get


@pytest.mark.parametrize("target", UPSTREAMS)
def test_nginx_accepts_the_configuration(tmp_path, target):
    server = write_nginx(tmp_path, 8000, UPSTREAMS[target])
    done = subprocess.run(server.command("-t"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_the_linter_finds_nothing(tmp_path):
    server = write_nginx(tmp_path, 8000)
    command = [Path(sys.executable).parent / "gixy", str(server.configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_site_gets_the_fields_that_it_trusts_and_none_of_a_client(site):
    _, get = site
    fields = get("/", X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="http", X_Request_ID="mine").json()["fields"]
    assert fields["X-Forwarded-For"] == "127.0.0.1"
    assert fields["X-Forwarded-Proto"] == "https"
    assert fields["Host"] == HOST
    assert fields["X-Request-ID"] != "mine"
    assert "Upgrade" not in fields


def test_plain_http_is_redirected_and_other_names_get_no_certificate(site):
    nginx, get = site
    response = httpx.get(f"http://127.0.0.1:{nginx.plain}/a?b=c", headers={"Host": HOST})
    assert (response.status_code, response.headers["location"]) == (301, f"https://{HOST}/a?b=c")
    with pytest.raises(httpx.ConnectError):
        get("/", host="other.example")


def test_only_websockets_of_the_dashboard_are_upgraded(site):
    _, get = site
    asked = {"Upgrade": "websocket", "Connection": "upgrade"}
    assert "Upgrade" not in get("/posts/", **asked).json()["fields"]
    assert "Upgrade" not in get("/ops/live/", Upgrade="h2c", Connection="upgrade").json()["fields"]
    assert get("/ops/live/", **asked).status_code == 101


def test_a_public_page_is_served_while_the_site_is_down(tmp_path):
    with application() as port:
        stack = running_nginx(tmp_path, port)
        nginx = stack.__enter__()
        with client_of(nginx) as get:
            before = get("/public/").json()
            get("/private/")
    # Until then nginx does not ask the site.
    time.sleep(FRESH)
    try:
        with client_of(nginx) as get:
            assert get("/public/").json() == before
            # A page of one reader, and the same page for somebody who is logged in, are never another's.
            assert get("/private/").status_code == 502
            assert get("/public/", Cookie="sessionid=x").status_code == 502
    finally:
        stack.__exit__(None, None, None)


def test_nobody_gets_an_old_page_while_another_request_validates_it(site):
    """It may be a day old, and of the release before."""
    _, get = site
    before = get("/public/").json()["calls"]
    # Until then nginx does not ask the site.
    time.sleep(FRESH)
    Application.asked.clear()
    Application.may_respond.clear()
    try:
        with ThreadPoolExecutor(2) as readers:
            found = [readers.submit(get, "/public/")]
            assert Application.asked.wait(10)
            found.append(readers.submit(get, "/public/"))
            wait(found, 0.1, FIRST_COMPLETED)
            Application.may_respond.set()
            assert all(each.result().json()["calls"] > before for each in found)
    finally:
        Application.may_respond.set()


def test_a_page_of_one_reader_is_not_stored(site):
    _, get = site
    assert get("/private/").json()["calls"] != get("/private/").json()["calls"]
    assert get("/public/", Authorization="x").json()["calls"] != get("/public/").json()["calls"]


def test_behind_varnish_no_page_is_stored_and_while_it_is_down_the_site_is_asked(tmp_path):
    """The port of Varnish is closed."""
    with application() as port, running_nginx(tmp_path, port, UPSTREAMS["varnish"]) as nginx, client_of(nginx) as get:
        first, second = get("/public/").json(), get("/public/").json()
        assert second["calls"] == first["calls"] + 1


def test_static_files_are_served_for_ever_and_missing_ones_come_from_the_site(site):
    nginx, get = site
    (nginx.folder / "shared/static/style.0123.css").write_text("body {}")
    found = get("/static/style.0123.css")
    assert found.text == "body {}"
    assert found.headers["cache-control"] == "public, max-age=315360000, immutable"
    assert found.headers["content-type"] == "text/css"
    (nginx.folder / "shared/static/style.0123.css.gz").write_bytes(gzip.compress(b"body { }"))
    compressed = get("/static/style.0123.css", Accept_Encoding="gzip")
    assert (compressed.text, compressed.headers["content-encoding"]) == ("body { }", "gzip")
    assert "fields" in get("/static/other.css").json()


def test_one_address_cannot_flood_the_login(site):
    _, get = site
    assert 429 in {get("/admin/login/").status_code for _ in range(20)}
    assert {get("/").status_code for _ in range(20)} == {200}


def test_its_limits_fit_those_of_the_site():
    text = (DEPLOY / "nginx/evergreen.conf").read_text()
    megabytes = int(text.partition("client_max_body_size ")[2].partition("m;")[0])
    assert megabytes * 1024 * 1024 > LARGEST_IMAGE
    for file in UPSTREAMS.values():
        seconds = int(file.read_text().partition("keepalive_timeout ")[2].partition("s;")[0])
        assert seconds < KEEP_ALIVE, "nginx must close an idle connection first"
