"""Log lines: time and level in each; JSON with a request id; one line for an unknown host."""

import json
import logging
from datetime import datetime

import pytest
from django.http import HttpRequest, HttpResponse

from project import logs
from project.edge import is_ours, refusal
from project.logs import formatter, request_id
from project.middleware import RequestId
from project.supervisor.terminal import JsonTerminal


def record(message: str, *arguments: object, name: str = "here", **fields: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, __file__, 1, message, arguments, None)
    made.__dict__.update(fields)
    return made


def test_a_text_line_has_time_level_and_logger():
    time, level, rest = formatter("text").format(record("%s pages", 3)).split(" ", 2)
    assert datetime.fromisoformat(time).tzinfo is not None
    assert (level, rest) == ("WARNING", "here: 3 pages")


def test_a_json_line_is_one_object_with_the_request():
    request_id.set("abc")
    request = HttpRequest()
    request.method, request.path = "GET", "/posts/"
    line = formatter("json").format(record("no\nsuch page", request=request, status_code=404))
    entry = json.loads(line)
    assert "\n" not in line
    assert datetime.fromisoformat(entry.pop("time"))
    assert entry == {
        "level": "WARNING",
        "logger": "here",
        "message": "no\nsuch page",
        "request_id": "abc",
        "method": "GET",
        "path": "/posts/",
        "status": 404,
    }


def test_json_has_the_fields_of_uvicorns_access_lines():
    line = record('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", "/", "1.1", 200, name="uvicorn.access")
    entry = json.loads(formatter("json").format(line))
    assert (entry["client"], entry["path"], entry["status"]) == ("127.0.0.1:5", "/", 200)


def test_json_keeps_an_exception():
    try:
        raise ValueError("broken")
    except ValueError as error:
        line = record("failed", exc_info=(ValueError, error, error.__traceback__))
    assert "ValueError: broken" in json.loads(formatter("json").format(line))["exception"]


@pytest.mark.parametrize(
    ("given", "kept"), [("from-a-proxy.1", True), ("", False), ("two\nlines", False), ("x" * 65, False)]
)
async def test_a_request_has_the_id_of_a_proxy_or_a_new_one(given, kept):
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request_id.get())

    request = HttpRequest()
    request.META["HTTP_X_REQUEST_ID"] = given
    seen = (await RequestId(view)(request)).content.decode()
    assert (seen == given) is kept
    assert 0 < len(seen) <= 64


@pytest.fixture
def fresh_hosts(monkeypatch):
    monkeypatch.setattr(logs, "unknown_hosts", logs.UnknownHosts())


def test_an_unknown_host_is_logged_once_with_the_setting(fresh_hosts, caplog):
    for _ in range(3):
        assert not is_ours("my-site.example")
    [line] = caplog.messages
    assert "'my-site.example'" in line
    assert "ALLOWED_HOSTS" in line
    assert b"ALLOWED_HOSTS" in refusal(400, "no such host here")[1]


def test_invented_hosts_are_few_and_short_lines(fresh_hosts, caplog):
    for number in range(1000):
        is_ours(f"{number}.{'x' * 1000}\n.example")
    assert len(caplog.messages) == logs.HOSTS_A_MINUTE
    assert all(len(line) < 250 and line.isprintable() for line in caplog.messages)


def test_django_logs_no_traceback_for_an_unknown_host(fresh_hosts, client, caplog, request):
    caplog.handler.addFilter(one_line := logs.NoHostTracebacks())
    request.addfinalizer(lambda: caplog.handler.removeFilter(one_line))
    assert client.get("/admin/", headers={"host": "evil.example"}).status_code == 400
    [line] = [message for message in caplog.messages if "evil.example" in message]
    assert line == "Refused a request for the host 'evil.example'. If it is yours, add it to ALLOWED_HOSTS."


def test_every_line_under_up_is_json_with_its_process(capsys):
    terminal = JsonTerminal()
    terminal.print_line("web", '{"level": "WARNING", "message": "slow"}')
    terminal.print_line("redis", "Ready to accept connections")
    terminal.print_line("worker", "[1, 2]")
    terminal.print_line("worker", "{no json")
    terminal.print_line("worker", "")
    terminal.say("beat was killed", "bold yellow")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["process"], line["level"], line["message"]) for line in lines] == [
        ("web", "WARNING", "slow"),
        ("redis", "INFO", "Ready to accept connections"),
        ("worker", "INFO", "[1, 2]"),
        ("worker", "INFO", "{no json"),
        ("up", "WARNING", "beat was killed"),
    ]
