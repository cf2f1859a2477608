"""A whole service whose traces go to a collector of the tests: readers, an editor, and a CDN that is purged."""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.support.collector import Collector, RecordedSpan, Spans, running_collector
from tests.support.forms import FormParser, links
from tests.support.markdown import write_posts
from tests.support.operators import OPS, settings_of
from tests.support.service import READY, Service, manage, running_service
from tests.support.wait import READY_SECONDS, wait_until

POSTS = 12
# The roots of the traces of a miss and of an edit.
MISSED, EDITED = "GET /posts/<word:slug>/", "POST /admin/content/post/<path:object_id>/change/"
PASSWORD = re.compile(r"password '(\S+)'")


class TracedSite:
    def __init__(self, service: Service, collector: Collector, environment: dict[str, str]) -> None:
        self.service = service
        self.collector = collector
        self.editor = service.client()
        words = ("ops_token", "create", "traces", "--scope", "purge")
        # Commands are recorded whatever the ratio.
        traced = {"EVERGREEN_TRACES": collector.url, "EVERGREEN_TRACES_RATIO": "0"}
        self.token = manage(settings_of(service) | environment | traced, *words).strip()

    def log_in(self) -> None:
        found = PASSWORD.search(self.service.terminal)
        assert found is not None, self.service.terminal
        page = self.editor.get("/admin/login/")
        fields = FormParser(page.text).fields | {"username": ["admin"], "password": [found[1]]}
        assert self.editor.post("/admin/login/?next=/admin/", data=fields).status_code == 302

    def edit(self, number: int, title: str) -> httpx.Response:
        """Change the title of a post, as an editor does."""
        found = self.editor.get(f"/admin/content/post/?q=note-{number}").text
        path = next(link for link in sorted(links(found)) if "/post/" in link)
        fields = FormParser(self.editor.get(path).text).fields | {"title": [title]}
        answer = self.editor.post(path, data=fields)
        assert answer.status_code == 302, answer.text
        return answer

    def purge(self, *tags: str, soft: bool = False) -> None:
        """As an operator does."""
        header = {"Authorization": f"Bearer {self.token}"}
        answer = self.editor.post(f"{OPS}purge", json={"tags": tags, "soft": soft}, headers=header)
        assert answer.status_code == 200, answer.text

    def miss(self, number: int) -> httpx.Response:
        """A reader asks for a post that no tier has, on a page that shows stale entries in passing."""
        self.read(f"/posts/note-{number}/")
        self.purge("resource:related", soft=True)
        self.purge(f"post:{number}:page", f"path:/posts/note-{number}/")
        return self.read(f"/posts/note-{number}/")

    def read(self, path: str) -> httpx.Response:
        """As a reader does."""
        with self.service.client() as client:
            return client.get(path)

    def wait_for_traces(self, root: str, *needed: str, seconds: float = READY_SECONDS) -> list[Spans]:
        """The spans of each whole trace with a root of that name that has all that are needed, once there is one.

        Processes send their spans in batches: a span may come before the one that it is below.
        """
        found: list[Spans] = []

        def is_there() -> bool:
            roots = [span for span in self.collector.spans if span.name == root and not span.parent_id]
            traces = map(self.trace_of, roots)
            found[:] = [spans for spans in traces if spans.are_whole and has_all(spans, needed)]
            return bool(found)

        wait_until(is_there, f"a trace {root!r} has {', '.join(needed)}", seconds)
        return found

    def trace_of(self, root: RecordedSpan) -> Spans:
        return Spans(span for span in self.collector.spans if span.trace_id == root.trace_id)


def has_all(spans: Spans, names: tuple[str, ...]) -> bool:
    return all(any(span.name.startswith(name) for span in spans) for name in names)


@contextmanager
def running_cdn() -> Iterator[str]:
    """A CDN that confirms each purge: its URL for EVERGREEN_CDN."""

    class Handler(BaseHTTPRequestHandler):
        def do_PURGE(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"varnish://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running_traced_site(home: Path, **environment: str) -> Iterator[TracedSite]:
    """`manage.py up` that records every trace."""
    folder = write_posts(home / "posts", POSTS)
    with ExitStack() as stack:
        collector, cdn = stack.enter_context(running_collector()), stack.enter_context(running_cdn())
        variables = {"EVERGREEN_TRACES": collector.url, "EVERGREEN_TRACES_RATIO": "1", "EVERGREEN_CDN": cdn}
        # Else workers would load again what is purged before a reader asks for it.
        variables |= {"EVERGREEN_WARM_AT_ONCE": "1", "EVERGREEN_WARM_RATE": "1"}
        options = ("--import", str(folder))
        service = stack.enter_context(running_service(home / "state", *options, environment=variables | environment))
        service.wait_for_line(READY)
        site = TracedSite(service, collector, environment)
        stack.callback(site.editor.close)
        site.log_in()
        yield site
