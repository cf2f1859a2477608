"""Traces of the whole service: they reach a collector by OTLP, and go on from process to process."""

import logging
import socket

import pytest
from celery import Celery
from django.contrib.auth.models import User
from django.test import AsyncRequestFactory

from content.caching import tracing
from content.caching.tracing import begin_root, begin_trace
from content.views.errors import server_error
from project import command_line, logs, trace_exporter, traces
from project.middleware import RequestId
from project.own_redis import url_of_own_redis
from project.trace_exporter import start_provider
from tests.support.collector import RecordedSpan, running_collector
from tests.support.settings_reader import running_settings_reader
from tests.support.traced_site import EDITED, MISSED, TracedSite, running_traced_site
from tests.support.tracing import recorded
from tests.support.wait import wait_until
from tests.support.worker import QUEUE
from workers.task_spans import HEADER

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_traced_site(tmp_path_factory.mktemp("traced")) as running:
        yield running


def process_of(spans, name: str) -> str:
    return next(span.process.partition(" ")[0] for span in spans if span.name.startswith(name))


def test_a_miss_is_one_trace_from_the_request_to_its_queries_and_to_the_task(site: TracedSite):
    for number in range(1, 4):
        response = site.miss(number)
        assert "trace=" not in response.headers["Cache-Status"], "a reader is no staff"
    spans = site.wait_for_traces(MISSED, "load post", "SELECT", "refresh batch")[0]
    request, task = spans.one(MISSED), spans.one("refresh batch")
    assert request.attributes["http.route"] == "/posts/<word:slug>/"
    assert request.attributes["evergreen.cache"] == "miss"
    assert process_of(spans, "GET") == "web"
    load = spans.one("load post")
    assert load.attributes["evergreen.queries"] == len(spans.children_of(load))
    assert all(spans.is_below(span, request) for span in spans)
    assert task.process.partition(" ")[0] == "worker"
    assert task.kind == "CONSUMER"


def test_an_edit_is_one_trace_from_its_statement_to_the_purge_of_the_cdn(site: TracedSite):
    site.edit(7, "Edited")
    spans = site.wait_for_traces(EDITED, "UPDATE content_post", "relay", "invalidate")[0]
    update, written = (spans.named(name)[0] for name in ("UPDATE content_post", "invalidate"))
    purge = wait_for_purge(site, written)
    assert (update.kind, written.kind, purge.kind) == ("CLIENT", "PRODUCER", "CLIENT")
    assert written.parent_id == spans.one("relay").span_id
    assert (process_of(spans, "UPDATE"), process_of([purge], "cdn purge")) == ("web", "worker")
    # A later write may be in the same purge. Both positions have the same number of digits.
    assert purge.attributes["evergreen.position"] >= written.attributes["evergreen.position"]
    assert "Edited" not in repr([span.attributes for span in [*spans, purge]]), "no values of statements"
    assert update.begun < written.begun < purge.begun


def wait_for_purge(site: TracedSite, written: RecordedSpan) -> RecordedSpan:
    """A purge of several writes is below the first of them, and has links to the others."""

    def purges() -> list[RecordedSpan]:
        sent = site.collector.spans.named("cdn purge")
        link = (written.trace_id, written.span_id)
        return [purge for purge in sent if purge.parent_id == written.span_id or link in purge.links]

    wait_until(lambda: bool(purges()), "the purge of the write has come")
    return purges()[0]


def test_staff_sees_the_id_of_the_trace_and_others_do_not(site: TracedSite):
    shown = site.editor.get("/admin/").headers["Cache-Status"]
    trace_id = shown.partition("trace=")[2].rstrip('"')
    wait_until(lambda: any(span.trace_id == trace_id for span in site.collector.spans), "the trace has come")
    stranger = {"Cookie": "sessionid=made-up"}
    with site.service.client() as client:
        for path in ("/", "/admin/login/"):
            assert "trace=" not in client.get(path, headers=stranger).headers.get("Cache-Status", "")


def test_hits_make_no_span(site: TracedSite):
    with site.service.client() as client:
        while "detail" in (status := client.get("/posts/note-9/").headers["Cache-Status"]) or "hit" not in status:
            pass
        for _ in range(20):
            client.get("/posts/note-9/?utm_source=marker")
        client.get("/search/?q=marker")
    site.collector.wait_for("GET /search/")
    routes = [span.attributes.get("http.route") for span in site.collector.spans if span.kind == "SERVER"]
    assert routes.count("/search/") == 1
    assert "marker" not in repr(site.collector.spans), "no query strings, and no parameters of statements or keys"


def test_each_process_names_itself(site: TracedSite):
    roles = {resource["evergreen.role"] for resource in site.collector.resources}
    assert roles == {"web", "worker", "command"}
    assert {resource["service.name"] for resource in site.collector.resources} == {"evergreen"}


def test_scheduled_tasks_are_traces_of_their_own(site: TracedSite):
    task = site.collector.wait_for("task write_views")[0]
    assert (task.kind, task.parent_id) == ("CONSUMER", "")
    assert task.attributes["messaging.system"] == "celery"


def test_a_task_continues_the_trace_of_who_sends_it(site: TracedSite):
    url = url_of_own_redis(site.service.state_dir).replace("unix://", "redis+socket://", 1)
    sender = Celery("sender", broker=url, set_as_current=False)
    sender.conf.broker_transport_options = {"global_keyprefix": QUEUE}
    with recorded(), begin_root("sender") as root:
        sender.send_task("workers.tasks.write_views", queue="celery")
    sender.send_task("workers.tasks.write_views", queue="celery", headers={HEADER: "x" * 10_000})
    sender.close()
    parent = root.traceparent[36:52]
    wait_until(lambda: any(span.parent_id == parent for span in site.collector.spans), "the task has ended")
    [task] = [span for span in site.collector.spans if span.parent_id == parent]
    assert (task.name, task.trace_id) == ("task write_views", root.trace_id)


# --- when the collector is down -----------------------------------------------------------------------


@pytest.fixture
def free_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


def test_a_collector_that_is_down_is_reported_once_and_its_return_too(free_address, caplog, monkeypatch):
    monkeypatch.setattr(trace_exporter, "TIMEOUT", 0.2)
    caplog.set_level(logging.INFO, "project")
    with running_collector() as collector:
        collector.status = 400
        provider = start_provider(f"{collector.url}/v1/traces", "web", "r1")
        for number in range(3):
            provider.get_tracer("tests").start_span(f"lost {number}").end()
            provider.force_flush()
        warnings = [record for record in caplog.records if record.levelname == "WARNING"]
        assert [record.name for record in warnings] == ["project.trace_exporter"]
        assert "the site works without them" in warnings[0].getMessage()
        collector.status = 200
        provider.get_tracer("tests").start_span("kept").end()
        provider.force_flush()
        assert [span.name for span in collector.spans] == ["kept"]
        assert caplog.records[-1].getMessage().endswith("takes traces again.")
        provider.shutdown()


def test_the_address_in_the_message_has_no_password():
    assert "secret" not in trace_exporter.ReportingExporter("http://ann:secret@127.0.0.1:1/v1/traces").shown


# --- settings -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settings_with():
    with running_settings_reader() as running:
        yield running.read


@pytest.mark.parametrize(
    "url", ["collector:4318", "ftp://collector", "http://", "grpc://collector:4317", "http://a:0"]
)
def test_a_wrong_collector_is_refused_with_the_other_mistakes(settings_with, tmp_path, url):
    process = settings_with(tmp_path, {"EVERGREEN_TRACES": url, "EVERGREEN_TRACES_RATIO": "2"})
    assert "2 settings are wrong" in process.stderr
    assert "EVERGREEN_TRACES is" in process.stderr
    assert "EVERGREEN_TRACES_RATIO is '2'. Allowed: a number from 0 to 1." in process.stderr


def test_without_the_sdk_the_message_says_what_to_install(monkeypatch):
    from project import setting_types

    monkeypatch.setattr(setting_types, "TRACES_MODULES", ("opentelemetry.no_such_sdk",))
    with pytest.raises(ValueError, match=r"pip install -r requirements/traces\.lock"):
        setting_types.check_traces("http://127.0.0.1:4318")


def test_the_path_of_the_protocol_is_added_to_an_address():
    from project.setting_types import check_traces

    assert check_traces("http://127.0.0.1:4318") == "http://127.0.0.1:4318/v1/traces"
    assert check_traces("https://a.example/otlp/v1/traces") == "https://a.example/otlp/v1/traces"


def test_without_a_collector_nothing_starts(settings, monkeypatch):
    monkeypatch.setattr(traces, "_started", None)
    settings.TRACES_URL = ""
    traces.start_traces("web")
    assert tracing.tracer is None
    assert logs.find_trace_id is logs.find_no_trace


# --- commands -----------------------------------------------------------------------------------------


def run_command(monkeypatch, name, execute):
    monkeypatch.setattr(command_line, "execute_from_command_line", lambda arguments: execute())
    command_line.main(["manage.py", name])


def test_each_command_is_a_trace_and_its_work_is_below_it(monkeypatch):
    def execute():
        with begin_trace("warm run"):
            pass

    with recorded() as recording:
        run_command(monkeypatch, "warm_cache", execute)
    command = recording.spans.one("command warm_cache")
    assert recording.spans.children_of(command) == recording.spans.named("warm run")
    assert not command.failed


@pytest.mark.parametrize(("status", "code", "failed"), [(0, 0, False), (3, 3, True), ("a sentence", 1, True)])
def test_the_status_of_a_command_is_in_its_span(monkeypatch, status, code, failed):
    def execute():
        raise SystemExit(status)

    with recorded() as recording:
        with pytest.raises(SystemExit) as caught:
            run_command(monkeypatch, "doctor", execute)
        assert caught.value.code == status
    command = recording.spans.one("command doctor")
    assert command.attributes["process.exit.code"] == code
    assert command.failed is failed


@pytest.mark.parametrize("name", ["serve", "up", "runserver", "--version", "a-secret"])
def test_commands_that_serve_and_other_words_are_no_trace(monkeypatch, name):
    with recorded() as recording:
        run_command(monkeypatch, name, lambda: None)
    assert recording.spans == []


def test_a_command_sends_its_trace_whatever_the_ratio(site: TracedSite):
    [spans] = site.wait_for_traces("command ops_token", "INSERT content_opstoken")
    assert process_of(spans, "command ops_token") == "command"


# --- the id -------------------------------------------------------------------------------------------


async def no_view(request):
    return None


@pytest.mark.django_db
@pytest.mark.parametrize(("is_staff", "shown"), [(True, True), (False, False)])
async def test_only_staff_may_see_the_id(is_staff, shown, settings):
    async def auser() -> User:
        return User(username="ann", is_staff=is_staff)

    request = AsyncRequestFactory().get("/", headers={"cookie": f"{settings.SESSION_COOKIE_NAME}=x"})
    request.auser = auser
    with recorded(), begin_root("request") as root:
        await RequestId(no_view)(request)
    assert root.trace.shows_id is shown


async def test_a_session_that_cannot_be_read_is_no_error_of_the_request(settings):
    async def auser() -> User:
        raise ConnectionError

    request = AsyncRequestFactory().get("/", headers={"cookie": f"{settings.SESSION_COOKIE_NAME}=x"})
    request.auser = auser
    with recorded(), begin_root("request") as root:
        await RequestId(no_view)(request)
    assert not root.trace.shows_id


def test_the_page_of_an_error_names_the_trace(rf):
    assert "name this trace" not in server_error(rf.get("/")).content.decode()
    with recorded(), begin_root("request") as root:
        assert f"name this trace: <code>{root.trace_id}</code>" in server_error(rf.get("/")).content.decode()
