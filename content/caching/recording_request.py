"""A request whose attributes, META, cookies, header fields and session report what is read of them.

Writing to the request works as before. Copies and pickles are plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.http.request import HttpHeaders
from django.utils.functional import LazyObject, empty

Record = Callable[[str], None]

# Names of reads that are no header field, cookie or key of META.
EVERYTHING = "every field"
SESSION = "session"
CSRF = "csrf"
NONCE = "nonce"
MESSAGES = "messages"
CONTENT = "content"
USER = "user"
# The user object was taken before anybody looked the user up; perhaps nobody does.
USER_ATTRIBUTE = "user, not looked up"
LANGUAGE = "language"
TIME_ZONE = "time zone"
URL = "url"
HOST = "host"

# Fields that choose between a response, a part of it and 304; they make no other response (RFC 9110, 13 and 14).
CONDITIONS_AND_RANGES = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"}
)
_URL_ATTRIBUTES = frozenset({"GET", "path", "path_info"})
# Attributes that are worked out of one header field.
_FIELD_OF_ATTRIBUTE = {
    "content_type": "content-type",
    "content_params": "content-type",
    "accepted_types": "accept",
    "accepted_types_by_precedence": "accept",
}
# Attributes that Django sets, whose data is recorded where it is read.
_DJANGO_ATTRIBUTES = frozenset(
    {"environ", "scope", "META", "COOKIES", "headers", "POST", "FILES", "method", "script_name", "session"}
    | {
        "resolver_match",
        "urlconf",
        "user",
        "auser",
        "LANGUAGE_CODE",
        "site",
        "current_app",
        "exception_reporter_class",
    }
    | {"csrf_processing_done", "csrf_cookie_needs_reset", "exception_reporter_filter", "upload_handlers", "encoding"}
    | {"_messages", "_cached_user", "_acached_user", "_dont_enforce_csrf_checks", "_cache_update_cache", "_encoding"}
    | {"_body", "_stream", "_read_started", "_post", "_files", "_post_parse_error", "_upload_handlers", "_csp_nonce"}
    | {"_current_scheme_host", "_evergreen_recorder", "_evergreen_tainted"}
)


class RecordingDict(dict[str, Any]):
    """A dict that reports the key of each read, and `whole` where all of it is read. Copies are plain dicts."""

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

    def copy(self) -> Any:
        self._report(self._whole)
        return dict(super().items())

    def __reduce_ex__(self, protocol: Any) -> Any:
        self._report(self._whole)
        return dict, (dict(super().items()),)

    __hash__ = None


def _reporting_whole(name: str) -> Any:
    plain = getattr(dict, name)

    def method(self: RecordingDict, *arguments: Any) -> Any:
        self._report(self._whole)
        return plain(self, *arguments)

    return method


for _name in ("__iter__", "__len__", "__reversed__", "__eq__", "__ne__", "__repr__", "__or__", "__ror__"):
    setattr(RecordingDict, _name, _reporting_whole(_name))
for _name in ("keys", "values", "items", "popitem"):
    setattr(RecordingDict, _name, _reporting_whole(_name))


class RecordingHeaders(HttpHeaders):
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

    def __len__(self) -> int:
        self._record(EVERYTHING)
        return super().__len__()

    def __repr__(self) -> str:
        self._record(EVERYTHING)
        return super().__repr__()


def header_fields(request: HttpRequest) -> HttpHeaders:
    """All fields of a request, without recording that they were read."""
    return HttpHeaders(dict(dict.items(request.META)))


def can_record_session(session: Any) -> bool:
    """`type`, for a lazy object gives itself out for what it wraps."""
    return issubclass(type(session), SessionBase)


@cache
def recording_session(kind: Any) -> Any:
    class RecordingSession(kind):  # type: ignore[misc]
        _evergreen_loads = False

        def _recording(self, content: Any) -> Any:
            if type(content) is not dict:
                return content
            record = self._evergreen_record
            self._session_cache = RecordingDict(
                content, lambda key: record(f"{SESSION}:{key}" if key else SESSION), ""
            )
            return self._session_cache

        def _get_session(self, no_load: bool = False) -> Any:
            with self._loading():
                content = super()._get_session(no_load)
            return self._recording(content)

        async def _aget_session(self, no_load: bool = False) -> Any:
            with self._loading():
                content = await super()._aget_session(no_load)
            return self._recording(content)

        @contextmanager
        def _loading(self) -> Iterator[None]:
            """The session reads its own key to load itself: that is no read of the view's."""
            self._evergreen_loads = True
            try:
                yield
            finally:
                self._evergreen_loads = False

        def _recorded_key(self) -> Any:
            if not self._evergreen_loads:
                self._evergreen_record(f"{SESSION}:its key")
            return super().session_key

        def is_empty(self) -> Any:
            self._evergreen_record(SESSION)
            return super().is_empty()

        def __reduce_ex__(self, protocol: Any) -> Any:
            return _as_plain(self, kind)

        _session = property(_get_session)
        session_key = property(_recorded_key)

    return _under_the_name_of(RecordingSession, kind)


@cache
def recording_request(kind: Any) -> Any:
    class RecordingRequest(kind):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if name in _URL_ATTRIBUTES:
                self._evergreen_recorder(URL)
            elif name in _FIELD_OF_ATTRIBUTE:
                self._evergreen_recorder(_FIELD_OF_ATTRIBUTE[name])
            elif name == "user":
                self._evergreen_recorder(USER if _is_looked_up(value) else USER_ATTRIBUTE)
            elif name == "session" and not can_record_session(value):
                self._evergreen_recorder(SESSION)
            elif name not in _DJANGO_ATTRIBUTES and name in super().__getattribute__("__dict__"):
                self._evergreen_recorder.read_attribute(name)
            return value

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            self._evergreen_recorder.note_set(name)

        def __reduce_ex__(self, protocol: Any) -> Any:
            return _as_plain(self, kind)

    return _under_the_name_of(RecordingRequest, kind)


def _under_the_name_of(recording: Any, kind: Any) -> Any:
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(recording, attribute, getattr(kind, attribute))
    return recording


def _as_plain(recording: Any, kind: Any) -> Any:
    """Let pickle and copy take it for an object of the original class."""
    state = recording.__getstate__() if hasattr(kind, "__getstate__") else dict(vars(recording))
    if isinstance(state, dict):
        state = {name: value for name, value in state.items() if not name.startswith("_evergreen")}
    return _new_object, (kind,), state or None


def _new_object(kind: Any) -> Any:
    return kind.__new__(kind)


def _is_looked_up(user: Any) -> bool:
    """Looking a user up reads the session, or whatever else names the user."""
    return not (isinstance(user, LazyObject) and vars(user).get("_wrapped") is empty)
