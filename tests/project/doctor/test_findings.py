"""Single checks of `manage.py doctor`, on the values and servers that they judge."""

import json
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from content.cdn import providers
from project.doctor.checks import cdn, migrations, packages, redis, tls
from project.doctor.finding import Finding, Status, ok
from project.doctor.redaction import redact
from project.doctor.runner import run_checks
from tests.support.servers.redis import running_redis
from tests.support.service import ROOT

EXTRAS = ("errors", "traces")
# Seconds after which a server notices that it shall end.
POLL = 0.01


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
    thread = threading.Thread(target=server.serve_forever, args=(POLL,))
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


@contextmanager
def tls_server(prepare):
    """Its port. `prepare`: is called with the context, which needs a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    prepare(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *arguments: None
    thread = threading.Thread(target=server.serve_forever, args=(POLL,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_certificate_that_no_browser_trusts_is_an_error(settings):
    with tls_server(trustme.CA().issue_cert("localhost").configure_cert) as port:
        settings.BASE_URL = f"https://localhost:{port}"
        (finding,) = tls.check_certificate()
    assert (finding.status, "not valid" in finding.what) == (Status.ERROR, True)


@pytest.mark.parametrize(
    ("name", "days", "expected"),
    [
        ("localhost", 90, [Status.WARNING]),
        ("localhost", 1, [Status.WARNING, Status.ERROR]),
        ("other.example", 90, [Status.ERROR]),
    ],
)
def test_a_certificate_that_is_signed_by_itself_blocks_no_upgrade(settings, tmp_path, name, days, expected):
    """As the installer makes one. Another name, or one that ends soon, is an error as of any certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-days", str(days), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*new, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with tls_server(lambda context: context.load_cert_chain(certificate, key)) as port:
        settings.BASE_URL = f"https://localhost:{port}"
        found = list(tls.check_certificate())
    assert [finding.status for finding in found] == expected
    assert ("signed by itself" in found[0].what) == (name == "localhost")


@pytest.mark.django_db
def test_after_a_rollback_newer_migrations_are_an_error_only_if_this_code_does_not_fit():
    """A column that a newer release has renamed is missed; by its new name it demands a value."""
    assert [finding.status for finding in migrations.compare_migrations(connection)] == [Status.OK]
    MigrationRecorder(connection).record_applied("content", "9999_newer")
    (finding,) = migrations.compare_migrations(connection)
    assert (finding.status, "content.9999_newer" in finding.what) == (Status.WARNING, True)
    assert "after a rollback" in finding.means
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE content_redirect RENAME COLUMN new_path TO target")
    (finding,) = migrations.compare_migrations(connection)
    assert finding.status == Status.ERROR
    assert "column content_redirect.new_path is missing" in finding.what
    assert "column content_redirect.target demands a value" in finding.what


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


@pytest.mark.parametrize(
    ("roles", "expected"), [(["channels"], Status.WARNING), (["channels", "log"], Status.ERROR), (["cache"], None)]
)
def test_channels_want_a_redis_that_does_not_evict(roles, expected):
    evicting = {"maxmemory": 8 << 20, "maxmemory_policy": "allkeys-lru"}
    found = list(redis.check_eviction(redis.Instance("here", roles, evicting)))
    assert [finding.status for finding in found] == ([] if expected is None else [expected])


def test_the_redis_of_the_channels_is_asked(settings):
    settings.CHANNELS_URL = "redis://:a-password@127.0.0.1:1/0"
    found = [finding for finding in redis.check_redis() if "channels" in finding.what]
    assert [finding.status for finding in found] == [Status.ERROR]
    assert "a-password" not in found[0].what


def test_locks_of_extras_in_use_are_compared(settings):
    assert packages.list_locks() == ["app"]
    settings.SENTRY_DSN, settings.TRACES_URL = "https://key@host/1", "http://127.0.0.1:4318"
    assert packages.list_locks() == ["app", "errors", "traces"]


def test_the_locks_of_extras_agree_with_that_of_the_service():
    """They are installed beside one another, and each version is that which was tested."""
    locks = {name: packages.read_lock((ROOT / f"requirements/{name}.lock").read_text()) for name in EXTRAS}
    service = packages.read_lock((ROOT / "requirements/app.lock").read_text())
    for name, lock in locks.items():
        assert {each: version for each, version in service.items() if lock.get(each) != version} == {}, name


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
