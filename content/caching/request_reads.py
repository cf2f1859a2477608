"""Record the data that a view reads of a request. A page made of data that its key does not name is private (I8).

The request records the reads while the view runs: cookies, header fields, META, the ASGI scope, the session, and the
attributes that middleware has set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.http import HttpRequest
from django.utils import timezone, translation

from .recording_request import (
    CONDITIONS_AND_RANGES,
    CONTENT,
    CSRF,
    EVERYTHING,
    HOST,
    LANGUAGE,
    MESSAGES,
    NONCE,
    SESSION,
    TIME_ZONE,
    URL,
    USER,
    USER_ATTRIBUTE,
    Record,
    RecordingDict,
    RecordingHeaders,
    can_record_session,
    recording_request,
    recording_session,
)

# Keys of META that are the same for all readers, or say only that something is there: see RequestReads.
_META_OF_THE_SERVER = frozenset(
    {"REQUEST_METHOD", "SCRIPT_NAME", "CONTENT_LENGTH", "CSRF_COOKIE_NEEDS_UPDATE"}
    | {"SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "GATEWAY_INTERFACE"}
)
_PREFIXES_OF_THE_SERVER = ("wsgi.", "mod_wsgi.", "gunicorn.", "uwsgi.", "waitress.", "werkzeug.")
_SCOPE_OF_THE_KEY = frozenset(
    {"type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "root_path", "query_string", "server"}
    | {"app", "path_remaining", "url_route"}
)


class _Recorder:
    """Hands each read of one request to its watchers, and to those of the current context."""

    def __init__(self) -> None:
        self.watchers: list[Watcher] = []
        self._clock = count(1)
        # Since when an attribute is set; 0: since before the request recorded.
        self._set_at: dict[str, int] = {}

    def now(self) -> int:
        return next(self._clock)

    def __call__(self, name: str) -> None:
        for watcher in (*self.watchers, *_watchers.get()):
            watcher.report(name)

    def note_set(self, attribute: str) -> None:
        self._set_at[attribute] = self.now()

    def read_attribute(self, attribute: str) -> None:
        """An attribute that was set while a watcher was there is made of reads that it has seen."""
        set_at = self._set_at.get(attribute, 0)
        for watcher in (*self.watchers, *_watchers.get()):
            if watcher.started.get(self, 0) >= set_at:
                watcher.report(f"request.{attribute}")


class Watcher:
    """Somebody to whom reads are reported. `started`: when it began to watch, by the clock of each request."""

    def __init__(self, report: Record) -> None:
        self.report = report
        self.started: dict[_Recorder, int] = {}

    def start(self, recorder: _Recorder) -> None:
        self.started[recorder] = recorder.now()


_watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("request_read_watchers", default=())


def record_reads(request: HttpRequest) -> _Recorder:
    """Make the request record what is read of it from here on."""
    recorder: _Recorder | None = vars(request).get("_evergreen_recorder")
    if recorder is None:
        recorder = _Recorder()
        _install(request, recorder)
    return recorder


def _install(request: HttpRequest, record: _Recorder) -> None:
    attributes = vars(request)
    cookies = request.COOKIES
    meta = RecordingDict(request.META, lambda key: _record_meta(key, record), EVERYTHING)
    if attributes.get("environ") is request.META:
        request.environ = meta  # type: ignore[attr-defined]
    # Built from the plain META: it reads every field of it.
    headers = RecordingHeaders(dict(request.META), record)
    request.META = meta
    request.headers = headers
    request.COOKIES = RecordingDict(cookies, lambda key: record(f"cookie:{key}" if key else "cookie"), "")
    if isinstance(scope := attributes.get("scope"), dict):
        recording: Any = request
        recording.scope = RecordingDict(scope, lambda key: _record_scope(key, record), EVERYTHING)
    session: Any = attributes.get("session")
    if can_record_session(session):
        session_kind: Any = type(session)
        session.__class__ = recording_session(session_kind)
        session._evergreen_record = record
    attributes["_evergreen_recorder"] = record
    kind: Any = type(request)
    request.__class__ = recording_request(kind)


def _record_meta(key: str, record: Record) -> None:
    if key == EVERYTHING:
        record(key)
    elif key == "CSRF_COOKIE":
        record(CSRF)
    elif key in ("QUERY_STRING", "PATH_INFO"):
        record(URL)
    elif key.startswith("HTTP_"):
        name = key[5:].replace("_", "-").lower()
        if name not in CONDITIONS_AND_RANGES:
            record(name)
    elif key == "CONTENT_TYPE":
        record("content-type")
    elif key not in _META_OF_THE_SERVER and not key.startswith(_PREFIXES_OF_THE_SERVER):
        record(key)


def _record_scope(key: str, record: Record) -> None:
    if key not in _SCOPE_OF_THE_KEY:
        record(EVERYTHING if key in ("headers", EVERYTHING) else f"scope:{key}")


@contextmanager
def watch_context(report: Record, request: HttpRequest | None = None) -> Iterator[None]:
    """Report what this context, and the threads and tasks it starts, read of requests that record."""
    watcher = Watcher(report)
    if request is not None:
        watcher.start(record_reads(request))
    token = _watchers.set((*_watchers.get(), watcher))
    try:
        yield
    finally:
        _watchers.reset(token)


class RequestReads:
    """The reads of one request while it is watched, by name.

    A name is a header field in lower case, `cookie:NAME`, `session:NAME`, `request.NAME` for an attribute, the key of
    META, or one of `csrf`, `messages`, `content`, `language`, `time zone`.

    `request` may be a wrapper that keeps Django's request as `_request`, as that of Django REST framework.
    """

    def __init__(self, request: Any, ignored: Iterable[str] = ()) -> None:
        self.request = django_request(request)
        self.ignored = frozenset(name.lower() for name in ignored)
        self.names: set[str] = set()
        self._has_authenticated = request is not self.request and vars(request).get("_user") is not None
        self._watcher = Watcher(self.names.add)
        self.start()

    def start(self) -> None:
        recorder = record_reads(self.request)
        self._watcher.start(recorder)
        recorder.watchers.append(self._watcher)

    def stop(self) -> None:
        watchers = record_reads(self.request).watchers
        if self._watcher in watchers:
            watchers.remove(self._watcher)

    def outside_key(self, vary: Iterable[str], *, by_language: bool) -> list[str]:
        """Names of reads that neither the key nor `vary` (lower case) names, sorted. `by_language`: the key has the
        active language and time zone."""
        names, vary = self.names | self._ambient(), frozenset(vary)
        if not by_language:
            names |= _language_reads(self.request)
        return sorted(name for name in names if not self._is_covered(name, vary))

    def _ambient(self) -> set[str]:
        """Data that a view shows without reading it: middleware has read it, or it is made for each request."""
        attributes, meta = vars(self.request), self.request.META
        reads: set[str] = set()
        session = attributes.get("session")
        if session is not None and getattr(session, "accessed", False):
            reads.add("session, changed" if getattr(session, "modified", False) else SESSION)
        if dict.get(meta, "CSRF_COOKIE_NEEDS_UPDATE"):
            reads.add(CSRF)
        if attributes.get("_csp_nonce"):
            reads.add(NONCE)
        storage = attributes.get("_messages")
        if getattr(storage, "used", False) or getattr(storage, "added_new", False):
            reads.add(MESSAGES)
        if _has_content(self.request):
            reads.add(CONTENT)
        if str(attributes.get("_encoding") or "utf-8").lower() not in ("utf-8", "utf8"):
            reads.add("content-type")  # its charset decodes the query
        if self._has_authenticated:
            reads.add("user of the wrapper")
        return reads

    def _is_covered(self, name: str, vary: frozenset[str]) -> bool:
        if name in (CSRF, NONCE, EVERYTHING):
            return False
        kind = name.partition(":")[0].partition(" of ")[0]
        if name.lower() in self.ignored or kind in self.ignored:
            return True
        if name == "user of the wrapper":
            return not vary.isdisjoint({"cookie", "authorization"})
        if kind == USER:
            # Django's own way to look a user up reads the session, and so the cookie.
            attributes = vars(self.request)
            return "cookie" in vary and ("_cached_user" in attributes or "_acached_user" in attributes)
        if kind in ("cookie", SESSION, LANGUAGE):
            return "cookie" in vary
        return name in (URL, HOST, USER_ATTRIBUTE) or name in vary


def django_request(request: Any) -> HttpRequest:
    """The HttpRequest in a wrapper."""
    while not isinstance(request, HttpRequest) and hasattr(request, "_request"):
        request = request._request
    return request  # type: ignore[no-any-return]


def _has_content(request: HttpRequest) -> bool:
    meta = request.META
    return dict.get(meta, "CONTENT_LENGTH") not in (None, "", "0", 0) or "HTTP_TRANSFER_ENCODING" in dict.keys(meta)


def _language_reads(request: HttpRequest) -> set[str]:
    """The reads that chose the active language and time zone; none if the path chose, or the site's settings."""
    # Past the recorder: these are no reads of the view's.
    attributes, reads = vars(request), set[str]()
    if settings.USE_TZ and timezone.get_current_timezone_name() != timezone.get_default_timezone_name():
        reads.add(TIME_ZONE)
    is_chosen = "LANGUAGE_CODE" in attributes or (translation.get_language() or "") != settings.LANGUAGE_CODE
    if settings.USE_I18N and is_chosen and not _path_names_language(attributes):
        # The language cookie, or that there is none. LocaleMiddleware names Accept-Language in Vary by itself.
        reads.add(LANGUAGE)
    return reads


def _path_names_language(attributes: dict[str, Any]) -> bool:
    """Whether the path decides the language in LocaleMiddleware: with i18n_patterns, a prefix or its absence does."""
    if translation.get_language_from_path(attributes.get("path_info", "")):
        return True
    urlconf = attributes.get("urlconf") or settings.ROOT_URLCONF
    uses_prefixes, prefixes_default = is_language_prefix_patterns_used(urlconf)
    return uses_prefixes and not prefixes_default


def scheme_header() -> str:
    """The field from which Django takes the scheme behind a proxy, in lower case; "" if there is none."""
    header = settings.SECURE_PROXY_SSL_HEADER
    return header[0].removeprefix("HTTP_").replace("_", "-").lower() if header else ""


def ambient_key() -> str:
    """The active language and time zone, for keys; "" where Django uses neither. No language at all is "-"."""
    language = (translation.get_language() or "-") if settings.USE_I18N else ""
    zone = timezone.get_current_timezone_name() if settings.USE_TZ else ""
    return f"{language};{zone}" if language or zone else ""
