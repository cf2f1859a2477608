"""WebSockets of the live dashboard pass nginx and Varnish, with the files of deploy/."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.support.servers.nginx import HOST, NginxServer, running_nginx
from tests.support.servers.varnish import VarnishServer, running_varnish
from tests.support.targets import DEPLOY
from tests.support.wait import wait_until

LIVE = "/ops/live/"


@contextmanager
def application() -> Iterator[int]:
    """Sends back what it gets. Other paths than that of the dashboard are pages."""

    def respond(connection: ServerConnection, request: Request) -> Response | None:
        return None if request.path == LIVE else connection.respond(HTTPStatus.OK, request.path)

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(echo, "127.0.0.1", 0, process_request=respond) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[NginxServer, VarnishServer]]:
    rules = (DEPLOY / "varnish/evergreen.vcl").read_text()
    with (
        application() as port,
        running_varnish(port, rules) as varnish,
        running_nginx(tmp_path, port, DEPLOY / "varnish/upstream.conf", varnish.port) as nginx,
    ):
        yield nginx, varnish


def open_socket(nginx: NginxServer, path: str) -> ClientConnection:
    context = ssl.create_default_context()
    nginx.authority.configure_trust(context)
    ours = socket.create_connection(("127.0.0.1", nginx.tls))
    return connect(f"wss://{HOST}{path}", sock=ours, ssl=context, server_hostname=HOST)


def says(nginx: NginxServer, text: str) -> bool:
    """Whether the text comes back. False while Varnish has not yet seen that the site is well."""
    try:
        with open_socket(nginx, LIVE) as connection:
            connection.send(text)
            return connection.recv(5) == text
    except InvalidStatus:
        return False


def test_messages_pass_both_proxies(site):
    nginx, varnish = site
    wait_until(lambda: says(nginx, "hello"), "Varnish has probed the site")
    with pytest.raises(InvalidStatus) as refusal:
        open_socket(nginx, "/posts/")
    assert refusal.value.response.status_code == 200, "another path is upgraded"
    varnish.process.kill()
    varnish.process.wait()
    assert says(nginx, "nginx asks the web processes instead")
