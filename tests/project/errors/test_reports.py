"""Error reports arrive at a real HTTP server, without personal data; a server that is down is nobody's error."""

import gzip
import json
import logging
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli
import pytest
import sentry_sdk
from celery import shared_task
from django.http import HttpRequest
from django.urls import path

from project.errors.event import shorten
from project.errors.reporting import IN_ALL, MISSING, OF_ONE_PLACE, Budget, ReportHandler, start_reporting
from tests.support.service import clean_environment
from tests.support.warm_python import run_warm


class Sink:
    """Keeps the events of the envelopes that it gets."""

    def __init__(self):
        self.events = []
        self.raw = b""
        self.arrived = threading.Condition()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                decode = {"gzip": gzip.decompress, "br": brotli.decompress}
                sink.take(decode[self.headers["content-encoding"]](body))
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.dsn = f"http://public@127.0.0.1:{self.server.server_port}/1"

    def take(self, envelope):
        lines = [json.loads(line) for line in envelope.splitlines() if line]
        with self.arrived:
            self.raw += envelope
            self.events += [line for line in lines if "level" in line and "logger" in line]
            self.arrived.notify_all()

    def wait_for(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.events) >= count, 30)
            return list(self.events)


@contextmanager
def running_sink():
    sink = Sink()
    thread = threading.Thread(target=sink.server.serve_forever)
    thread.start()
    try:
        yield sink
    finally:
        sink.server.shutdown()
        thread.join()
        sink.server.server_close()


@pytest.fixture
def sink():
    with running_sink() as running:
        yield running


@pytest.fixture
def reporting(sink):
    handler = start_reporting(sink.dsn, "release-7")
    yield handler
    logging.getLogger().removeHandler(handler)
    handler.client.close(1)


def fail(text):
    secret_local = "local-secret"  # noqa: F841 - a local variable is what no report has
    raise ValueError(text)


def log_failure(text="Broken", **extra):
    try:
        fail(text)
    except ValueError:
        logging.getLogger("django.request").exception("Failed for %s", "argument-secret", extra=extra)


def request_with_secrets():
    request = HttpRequest()
    request.method, request.path = "POST", "/admin/reset/Mg/the-token-secret/"
    request.META = {
        "QUERY_STRING": "q=query-secret",
        "REMOTE_ADDR": "192.0.2.77",
        "HTTP_COOKIE": "sessionid=cookie-secret",
    }
    request.COOKIES = {"sessionid": "cookie-secret"}
    request._body = b"password=body-secret"
    return request


def test_a_failed_request_is_reported_without_personal_data(sink, reporting):
    text = "Key (email)=(reader@example.org) of 192.0.2.77 at redis://me:pass-secret@host/?a=query-secret"
    text += "\nDETAIL:  row-secret"
    log_failure(text, request=request_with_secrets(), status_code=500)
    (event,) = sink.wait_for(1)
    assert event["release"] == "release-7"
    assert event["request"] == {"method": "POST", "url": "/admin/reset/[removed]/"}
    assert event["logentry"]["message"] == "Failed for %s"
    assert event["tags"]["status"] == "500"
    (exception,) = event["exception"]["values"]
    assert exception["type"] == "ValueError"
    assert exception["value"].startswith("Key (email)=([removed]) of [removed] at redis://[removed]@host")
    assert [frame["function"] for frame in exception["stacktrace"]["frames"]][-2:] == ["log_failure", "fail"]
    for secret in (b"-secret", b"192.0.2.77", b"example.org", b"sessionid"):
        # The lines of this file are source text, and name them.
        assert secret not in without_source(event)


def without_source(event):
    copy = json.loads(json.dumps(event))
    for exception in copy["exception"]["values"]:
        for frame in exception["stacktrace"]["frames"]:
            assert "vars" not in frame
            for name in ("pre_context", "context_line", "post_context"):
                frame.pop(name, None)
    return json.dumps(copy).encode()


def test_a_failed_task_is_reported_with_its_name(sink, reporting):
    log_failure(data={"name": "workers.tasks.write_heat", "id": "1-2", "args": "('argument-secret',)"})
    (event,) = sink.wait_for(1)
    assert event["tags"] == {"task": "workers.tasks.write_heat", "task_id": "1-2"}


async def view_that_fails(request):
    raise ValueError(f"for {request.GET['q']}")


urlpatterns = [path("fails/", view_that_fails)]


async def test_an_async_view_of_the_application_is_reported(sink, reporting, settings, async_client):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    async_client.raise_request_exception = False
    response = await async_client.get("/fails/?q=me@example.org", headers={"cookie": "sessionid=cookie-secret"})
    assert response.status_code == 500
    (event,) = sink.wait_for(1)
    assert event["request"] == {"method": "GET", "url": "/fails/"}
    assert event["exception"]["values"][-1]["value"] == "for [removed]"


def test_a_task_of_celery_that_fails_is_reported(sink, reporting):
    @shared_task(name="tests.fails")
    def fails(argument):
        raise ValueError("the task failed")

    fails.apply(args=["argument-secret"])
    (event,) = sink.wait_for(1)
    assert event["tags"]["task"] == "tests.fails"
    assert event["exception"]["values"][-1]["value"] == "the task failed"
    assert b"argument-secret" not in without_source(event)


def test_what_strangers_cause_and_overload_are_not_reported(sink, reporting):
    logging.getLogger("django.security.DisallowedHost").error("Invalid host")
    logging.getLogger("django.request").error("Full", extra={"status_code": 503})
    logging.getLogger("django.request").warning("Not found", extra={"status_code": 404})
    log_failure("the last")
    assert [event["exception"]["values"][0]["value"] for event in sink.wait_for(1)] == ["the last"]


def test_reports_are_bounded_by_place_and_in_all():
    now = [0.0]
    budget = Budget(lambda: now[0])
    assert [budget.take("one") for _ in range(OF_ONE_PLACE + 1)] == [True] * OF_ONE_PLACE + [False]
    assert sum(budget.take(f"place {number}") for number in range(100)) == IN_ALL - OF_ONE_PLACE
    now[0] = 61.0
    assert budget.take("one")


def test_a_server_that_hangs_or_is_down_delays_nobody():
    """Thousand errors cost the logging process no wait."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        handler = start_reporting(f"http://public@127.0.0.1:{hanging.getsockname()[1]}/1", "r")
        handler.budget.take = lambda place: True
        try:
            began = time.monotonic()
            for _ in range(200):
                log_failure()
            assert time.monotonic() - began < 10
        finally:
            logging.getLogger().removeHandler(handler)
            handler.client.close(0.1)


def test_nothing_is_installed_but_one_handler(reporting):
    assert isinstance(reporting, ReportHandler)
    assert start_reporting("http://public@127.0.0.1:1/1", "again") is None
    assert not sentry_sdk.get_client().is_active()
    assert reporting.client.integrations == {}
    assert logging.Logger.callHandlers.__module__ == "logging"


def test_without_a_dsn_nothing_is_imported():
    code = "import django, sys; django.setup(); print('sentry_sdk' in sys.modules)"
    assert run(code) == "False\n"


def test_a_process_reports_what_it_logs_and_ends_in_time_with_a_dead_server(sink):
    code = "import django, logging; django.setup(); logging.getLogger('project').error('The end is near')"
    began = time.monotonic()
    run(code, EVERGREEN_SENTRY_DSN=sink.dsn)
    took = time.monotonic() - began
    (event,) = sink.wait_for(1)
    assert event["logentry"]["message"] == "The end is near"
    began = time.monotonic()
    run(code, EVERGREEN_SENTRY_DSN="http://public@127.0.0.1:1/1")
    assert time.monotonic() - began < 3 * took + 10


def test_a_missing_sdk_is_said_and_nothing_fails():
    code = "import sys; sys.modules['sentry_sdk'] = None; import django; django.setup(); print('up')"
    assert run(code, EVERGREEN_SENTRY_DSN="http://public@127.0.0.1:1/1", with_errors=True) == "up\n"


def run(code, *, with_errors=False, **environment):
    everything = clean_environment() | environment
    everything |= {"DJANGO_SETTINGS_MODULE": "project.settings", "CACHE_URL": "locmem://x", "SECRET_KEY": "for tests"}
    done = run_warm(["-c", code], everything)
    assert done.returncode == 0, done.stderr
    assert not with_errors or MISSING in done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2001:db8::1 and ::ffff:1.2.3.4 left", "[removed] and"),
        ("12:30:45 is a time", "12:30:45 is a time"),
        ("/path?token=abc", "/path?[removed]"),
        ("x" * 2000, "x" * 500 + "…"),
    ],
)
def test_texts_are_cleaned_and_cut(text, expected):
    assert shorten(text).startswith(expected)
