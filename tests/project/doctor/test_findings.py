"""Single checks of `manage.py doctor`, on the values and servers that they judge."""

import json
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from content.cdn import providers
from project.doctor.checks import cdn, packages, redis, tls
from project.doctor.finding import Finding, Status, ok
from project.doctor.redaction import redact
from project.doctor.runner import run_checks
from tests.support.servers.redis import running_redis


@contextmanager
def json_server(status: int, content: object):
    """Answers each request with that; a list of the requests' header fields."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.command, self.path, dict(self.headers)))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, {"scope": "purge_select", "services": ["abc"]}, Status.OK),
        (200, {"scope": "global"}, Status.OK),
        (200, {"scope": "global:read"}, Status.ERROR),
        (200, {"scope": "purge_select", "services": ["another"]}, Status.ERROR),
        (401, {}, Status.ERROR),
    ],
)
def test_the_token_of_fastly_is_checked_by_a_read(settings, monkeypatch, status, content, expected):
    settings.CDN_URL, settings.CDN_TOKEN = "fastly://abc", "token"
    with json_server(status, content) as (url, asked):
        monkeypatch.setattr(providers.Fastly, "URL", url)
        (finding,) = cdn.check_cdn()
    assert finding.status == expected
    assert [(method, path) for method, path, _ in asked] == [("GET", "/tokens/self")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"result": {"status": "active"}}, Status.OK),
        ({"result": {"status": "expired"}}, Status.ERROR),
        ([], Status.ERROR),
    ],
)
def test_the_token_of_cloudflare_is_checked_by_a_read(settings, monkeypatch, content, expected):
    settings.CDN_URL, settings.CDN_TOKEN = "cloudflare://zone", "token"
    with json_server(200, content) as (url, asked):
        monkeypatch.setattr(providers.Cloudflare, "URL", url)
        (finding,) = cdn.check_cdn()
    assert finding.status == expected
    assert asked[0][2]["authorization"] == "Bearer token"


def test_each_varnish_is_asked(settings):
    with json_server(200, {}) as (url, asked):
        settings.CDN_URL = f"varnish://{url.removeprefix('http://')},127.0.0.1:1"
        found = list(cdn.check_cdn())
    assert [finding.status for finding in found] == [Status.OK, Status.ERROR]
    assert [method for method, _, _ in asked] == ["HEAD"]


@pytest.mark.parametrize(
    ("days", "expected"), [(80, Status.OK), (20, Status.WARNING), (2, Status.ERROR), (-1, Status.ERROR)]
)
def test_a_certificate_is_judged_by_its_days(days, expected):
    assert tls.judge(days, "example.org").status == expected


def test_a_certificate_that_no_browser_trusts_is_an_error(settings, tmp_path):
    certificate = trustme.CA().issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *arguments: None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        settings.BASE_URL = f"https://localhost:{server.server_port}"
        (finding,) = tls.check_certificate()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (finding.status, "not valid" in finding.what) == (Status.ERROR, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru"], ["evicts any key", "no append-only file"]),
        (["--appendonly", "yes"], ["no maxmemory"]),
    ],
)
def test_a_redis_that_may_lose_the_log_is_found(settings, options, words):
    with running_redis(*options) as server:
        instance = redis.Instance("here", ["log"], server.client().info())
        found = [finding.what for finding in redis.check_instance(instance)]
    assert len(found) == len(words)
    for word, what in zip(words, found, strict=True):
        assert word in what


def test_locked_packages_are_read_with_their_markers():
    text = "one==1.0 \\\n    --hash=sha256:0\ntwo==2.1 ; sys_platform == 'never' \\\n    --hash=sha256:1\n"
    assert packages.read_lock(text) == {"one": "1.0"}


def test_a_check_that_fails_or_hangs_is_a_finding_and_stops_no_other():
    forever = threading.Event()

    def check_that_fails():
        raise RuntimeError("the reason")

    def check_that_hangs():
        yield ok("begun")
        forever.wait()

    began = time.monotonic()
    found = list(run_checks({"a": [check_that_fails], "b": [check_that_hangs], "c": [lambda: [ok("well")]]}, 0.3))
    forever.set()
    assert time.monotonic() - began < 5
    assert [(finding.category, finding.status) for finding in found] == [
        ("a", Status.ERROR),
        ("b", Status.OK),
        ("b", Status.ERROR),
        ("c", Status.OK),
    ]
    assert "the reason" in found[0].what


@pytest.mark.parametrize(
    "text",
    [
        "redis://user:secret-one@host:6379/0",
        "connection failed: password=secret-one host=example",
        "Authorization: secret-one",
        "the value secret-one of a setting",
    ],
)
def test_secrets_are_hidden_by_their_value_and_by_their_form(text):
    assert "secret-one" not in redact(text, {"secret-one"})
    if "the value" not in text:
        assert "secret-one" not in redact(text, set())


def test_findings_are_redacted_before_they_leave_the_runner(settings):
    settings.SECRET_KEY = key = "the-key-of-this-site"

    def check_that_tells():
        return [Finding(Status.OK, f"what {key}", f"means {key}", f"do {key}")]

    (finding,) = run_checks({"a": [check_that_tells]})
    assert (finding.what, finding.means, finding.do) == ("what ***", "means ***", "do ***")
