"""What a view reads of a request: whatever the cache key does not name makes its page private to one reader (I8).

The request records the reads while the view runs. Cookies, header fields, META and the ASGI scope are recorded by
name, and so are attributes that middleware has set on the request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.http.request import HttpHeaders
from django.utils import timezone, translation
from django.utils.functional import LazyObject, empty

Record = Callable[[str], None]

EVERYTHING = "every field"
SESSION = "session"
CSRF = "csrf"
MESSAGES = "messages"
USER = "user"
# Somebody takes the user that nobody has looked up yet, perhaps without looking.
USER_ATTRIBUTE = "user, not looked up"
LANGUAGE = "language"
TIME_ZONE = "time zone"
URL = "url"
HOST = "host"

# Fields that choose between a response, a part of it and 304; they make no other response (RFC 9110, 13 and 14).
CONDITIONS_AND_RANGES = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"}
)
# Keys of META that are the same for all readers.
_META_OF_THE_SERVER = frozenset(
    {"REQUEST_METHOD", "SCRIPT_NAME"}
    | {"SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "GATEWAY_INTERFACE"}
    # Whether it is there, not what it says; see RequestReads.
    | {"CSRF_COOKIE_NEEDS_UPDATE"}
)
_SCOPE_OF_THE_KEY = frozenset(
    {"type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "root_path", "query_string", "server"}
    | {"extensions", "app", "path_remaining", "url_route"}
)
_URL_ATTRIBUTES = frozenset({"GET", "path", "path_info"})
# Attributes that Django's handlers set, and those whose reads are recorded where the data is.
_KNOWN_ATTRIBUTES = frozenset(
    {"environ", "scope", "META", "COOKIES", "headers", "GET", "POST", "FILES", "method", "path", "path_info"}
    | {"script_name", "content_type", "content_params", "encoding", "resolver_match", "urlconf", "session", "user"}
    | {"auser", "LANGUAGE_CODE", "site", "current_app", "csrf_processing_done", "csrf_cookie_needs_reset"}
)


class _RequestRecorder:
    """Hands each read of one request to those who watch it: for the whole request, or in this context."""

    def __init__(self) -> None:
        self.watchers: list[Record] = []

    def __call__(self, name: str) -> None:
        for watcher in (*self.watchers, *_watchers.get()):
            watcher(name)


# Who watches all recorded reads of this context: fragments.
_watchers: ContextVar[tuple[Record, ...]] = ContextVar("request_read_watchers", default=())


class _RecordingDict(dict[str, Any]):
    """A dict that reports the key of each read, and `whole` where all of it is read."""

    def __init__(self, content: Mapping[str, Any], report: Record, whole: str) -> None:
        super().__init__(content)
        self._report = report
        self._whole = whole

    def __getitem__(self, key: str) -> Any:
        self._report(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._report(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._report(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self._report(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._report(key)
        return super().setdefault(key, default)

    def __iter__(self) -> Iterator[str]:
        self._report(self._whole)
        return super().__iter__()

    def __len__(self) -> int:
        self._report(self._whole)
        return super().__len__()

    def keys(self) -> Any:
        self._report(self._whole)
        return super().keys()

    def values(self) -> Any:
        self._report(self._whole)
        return super().values()

    def items(self) -> Any:
        self._report(self._whole)
        return super().items()

    def copy(self) -> Any:
        self._report(self._whole)
        return dict(super().items())

    def __eq__(self, other: object) -> bool:
        self._report(self._whole)
        return super().__eq__(other)

    __hash__ = None


class _RecordingHeaders(HttpHeaders):
    def __init__(self, environ: Mapping[str, Any], record: Record) -> None:
        super().__init__(environ)
        self._record = record

    def __getitem__(self, key: str) -> str:
        name = key.replace("_", "-").lower()
        if name not in CONDITIONS_AND_RANGES:
            self._record(name)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        self._record(EVERYTHING)
        return super().__iter__()


def record_reads(request: HttpRequest) -> _RequestRecorder:
    """Make the request record what is read of it from here on; what was written to it stays."""
    recorder: _RequestRecorder | None = getattr(request, "_evergreen_recorder", None)
    if recorder is None:
        recorder = _RequestRecorder()
        _install(request, recorder)
        request._evergreen_recorder = recorder  # type: ignore[attr-defined]
    return recorder


def _install(request: HttpRequest, record: _RequestRecorder) -> None:
    attributes = vars(request)
    # A leading underscore marks what only its owner reads.
    unknown = frozenset(name for name in attributes if name not in _KNOWN_ATTRIBUTES and name[0] != "_")
    cookies = request.COOKIES
    meta = _RecordingDict(request.META, lambda key: _record_meta(key, record), EVERYTHING)
    if attributes.get("environ") is request.META:
        request.environ = meta  # type: ignore[attr-defined]
    # Built from the plain META: it would read every field of a recording one.
    headers = _RecordingHeaders(dict(request.META), record)
    request.META = meta
    request.headers = headers
    request.COOKIES = _RecordingDict(cookies, lambda key: _record_cookie(key, record), "")
    if isinstance(scope := attributes.get("scope"), dict):
        request.scope = _RecordingDict(scope, lambda key: _record_scope(key, record), EVERYTHING)  # type: ignore[attr-defined]
    if isinstance(session := attributes.get("session"), SessionBase):
        session.__class__ = _recording_session(type(session))
        session._evergreen_record = record  # type: ignore[attr-defined]
    request._evergreen_record = record  # type: ignore[attr-defined]
    kind: Any = type(request)
    request.__class__ = _recording_request(kind, unknown)


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
    elif key not in _META_OF_THE_SERVER and "." not in key:  # wsgi.input, gunicorn.socket, ...
        record(key)


def _record_cookie(key: str, record: Record) -> None:
    record(f"cookie:{key}" if key else "cookie")


def _record_scope(key: str, record: Record) -> None:
    if key not in _SCOPE_OF_THE_KEY:
        record(EVERYTHING if key in ("headers", EVERYTHING) else f"scope:{key}")


@cache
def _recording_session(kind: Any) -> Any:
    class RecordingSession(kind):  # type: ignore[misc]
        def _recorded(self, content: Any) -> Any:
            if type(content) is not dict:
                return content
            record = self._evergreen_record
            self._session_cache = _RecordingDict(
                content, lambda key: record(f"{SESSION}:{key}" if key else SESSION), ""
            )
            return self._session_cache

        def _get_session(self, no_load: bool = False) -> Any:
            return self._recorded(super()._get_session(no_load))

        async def _aget_session(self, no_load: bool = False) -> Any:
            return self._recorded(await super()._aget_session(no_load))

        _session = property(_get_session)

    RecordingSession.__name__ = RecordingSession.__qualname__ = kind.__name__
    RecordingSession.__module__ = kind.__module__
    return RecordingSession


def is_evaluated(user: Any) -> bool:
    """Whether it was looked up already: looking it up reads the session, or whatever says who it is."""
    return not (isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty)


@cache
def _recording_request(kind: Any, attributes: frozenset[str]) -> Any:
    class RecordingRequest(kind):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if name in _URL_ATTRIBUTES:
                self._evergreen_record(URL)
            elif name in attributes:
                self._evergreen_record(f"request.{name}")
            elif name == "user":
                self._evergreen_record(USER if is_evaluated(value) else USER_ATTRIBUTE)
            return value

    RecordingRequest.__name__ = RecordingRequest.__qualname__ = kind.__name__
    RecordingRequest.__module__ = kind.__module__
    return RecordingRequest


def header_fields(request: HttpRequest) -> HttpHeaders:
    """All fields of a request, without recording that they were read."""
    return HttpHeaders(dict(dict.items(request.META)))


@contextmanager
def watch_context(watcher: Record) -> Iterator[None]:
    """Report to `watcher` what this context, and the threads and tasks it starts, read of recording requests."""
    token = _watchers.set((*_watchers.get(), watcher))
    try:
        yield
    finally:
        _watchers.reset(token)


class RequestReads:
    """The reads of one request from here on, by name: a header field in lower case, `cookie:NAME`, `session:NAME`,
    `csrf`, `messages`, `language`, `time zone`, `request.NAME` for an attribute, else the key of META.

    Not seen are reads of attributes whose name begins with an underscore, and what middleware did before.
    """

    def __init__(self, request: HttpRequest, ignored: Iterable[str] = ()) -> None:
        self.request = request
        self.ignored = frozenset(name.lower() for name in ignored)
        self.names: set[str] = set()
        self._watcher = self.names.add
        record_reads(request).watchers.append(self._watcher)

    def stop(self) -> None:
        watchers = record_reads(self.request).watchers
        if self._watcher in watchers:
            watchers.remove(self._watcher)

    def outside_key(self, vary: Iterable[str], *, by_language: bool) -> list[str]:
        """What was read and is named neither by the key nor by `vary` (lower case), sorted. `by_language`: the key
        has the active language and time zone."""
        named = frozenset(vary)
        ambient = self._ambient() if by_language else self._ambient() | _language_reads(self.request)
        return sorted(name for name in self.names | ambient if not self._is_covered(name, named))

    def _ambient(self) -> set[str]:
        """What a view uses that was read before it ran, or is used without a read."""
        reads: set[str] = set()
        session = vars(self.request).get("session")
        if session is not None and getattr(session, "accessed", False):
            reads.add("session, changed" if getattr(session, "modified", False) else SESSION)
        if dict.get(self.request.META, "CSRF_COOKIE_NEEDS_UPDATE"):
            reads.add(CSRF)
        storage = vars(self.request).get("_messages")
        if getattr(storage, "used", False) or getattr(storage, "added_new", False):
            reads.add(MESSAGES)
        if dict.get(self.request.META, "CONTENT_LENGTH") not in (None, "", "0", 0):
            reads.add("content")
        return reads

    def _is_covered(self, name: str, vary: frozenset[str]) -> bool:
        if name == CSRF:
            return False
        if name.lower() in self.ignored or name.partition(":")[0] in self.ignored:
            return True
        if name.partition(":")[0] in ("cookie", SESSION, USER):
            return "cookie" in vary
        if name == EVERYTHING:
            return False
        return name in (URL, HOST, USER_ATTRIBUTE) or name in vary


def _language_reads(request: HttpRequest) -> set[str]:
    """What the active language and time zone were chosen by, unless the path says it, or they are the site's own."""
    # Past the recorder: this is no read of the view's.
    attributes, reads = vars(request), set[str]()
    if settings.USE_TZ and timezone.get_current_timezone_name() != timezone.get_default_timezone_name():
        reads.add(TIME_ZONE)
    if not settings.USE_I18N or translation.get_language_from_path(attributes["path_info"]):
        return reads
    if "LANGUAGE_CODE" in attributes or (translation.get_language() or "") != settings.LANGUAGE_CODE:
        # The language cookie, or its absence. LocaleMiddleware names Accept-Language in Vary by itself.
        reads.add(LANGUAGE)
    return reads


def scheme_header() -> str:
    """The field from which Django takes the scheme behind a proxy, in lower case; "" if there is none."""
    header = settings.SECURE_PROXY_SSL_HEADER
    return header[0].removeprefix("HTTP_").replace("_", "-").lower() if header else ""


def ambient_key() -> str:
    """The active language and time zone, as far as they differ from the site's own; for keys."""
    language = translation.get_language() if settings.USE_I18N else None
    zone = timezone.get_current_timezone_name() if settings.USE_TZ else None
    parts = [
        language if language != settings.LANGUAGE_CODE else None,
        zone if settings.USE_TZ and zone != timezone.get_default_timezone_name() else None,
    ]
    return ";".join(part or "" for part in parts) if any(parts) else ""
