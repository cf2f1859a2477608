"""Record which data of its reader a fragment reads, to compare it with the values that the fragment varies on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.context_processors import PermWrapper
from django.http import HttpRequest
from django.template import Context, RequestContext
from django.template.base import FilterExpression
from django.utils import timezone, translation
from django.utils.functional import LazyObject, SimpleLazyObject, empty

from ..recording_request import CSRF, MESSAGES, USER, USER_ATTRIBUTE, Record
from ..request_reads import record_reads, watch_context


class PrivateFragment(Exception):
    """The fragment was rendered from its reader's data without varying on it. Only this reader may get the text."""

    def __init__(self, key: str, text: str, message: str) -> None:
        super().__init__(message)
        self.key = key
        self.text = text


class FragmentReads:
    """A template context that records reads of the request and of variables about the reader."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._names: set[str] = set()
        self._request = request = _request_of(context)
        tainted = _tainted_variables(context, request) if request is not None else frozenset[str]()
        context.dicts = [self._record_variables(variables, tainted) for variables in context.dicts]

    @contextmanager
    def watch(self) -> Iterator[set[str]]:
        """The names of all reads within the `with` block."""
        names: set[str] = set()
        self._names = names
        with watch_context(self._record, self._request):
            yield names

    def _record(self, name: str) -> None:
        self._names.add(USER if name == USER_ATTRIBUTE else name)

    def _record_variables(self, variables: dict[str, Any], tainted: frozenset[str]) -> Any:
        recorded = {name: self._wrap(name, value) for name, value in variables.items()}
        plain = {name for name, value in recorded.items() if type(value) is not _ReportingVariable}
        return _RecordingVariables(recorded, tainted & plain, self._record)

    def _wrap(self, name: str, value: Any) -> Any:
        """A variable that speaks of the reader, as one that reports when it is looked at; others as they are."""
        about = _subject_of(name, value, self._request)
        return _ReportingVariable(value, about, self._record) if about else value


# Attributes that tell users apart, and filters that keep values apart: what varies on less names nothing.
_IDENTITIES = frozenset({"pk", "id", "username", "email", "get_username"})
_DISTINCT_FILTERS = frozenset({"default", "default_if_none", "stringformat", "unlocalize"})


def names_in_key(expression: FilterExpression, reads: set[str]) -> set[str]:
    """The reads, among those behind a value, that the value tells apart."""
    if any(function.__name__ not in _DISTINCT_FILTERS for function, _ in expression.filters):
        return set()
    lookups = getattr(expression.var, "lookups", None) or ("",)
    names = reads - {CSRF}
    return names if len(lookups) == 1 or lookups[-1] in _IDENTITIES else {name for name in names if name != USER}


class _RecordingVariables(dict[str, Any]):
    """Variables of a template. Reads of the `tainted` ones are reported."""

    def __init__(self, variables: dict[str, Any], tainted: frozenset[str], report: Record) -> None:
        super().__init__(variables)
        self._tainted = tainted
        self._report = report

    def __getitem__(self, name: str) -> Any:
        if name in self._tainted:
            self._report(f"variable {name}")
        return super().__getitem__(name)


def _request_of(context: Context) -> HttpRequest | None:
    request = getattr(context, "request", None) or context.get("request")
    return request if isinstance(request, HttpRequest) else None


class _ReportingVariable(SimpleLazyObject):  # type: ignore[type-arg]
    """A variable that reports its first use."""

    def __init__(self, value: Any, about: str, report: Record) -> None:
        def use() -> Any:
            report(about)
            return value

        super().__init__(use)
        self.__dict__["evergreen_about"] = about


def _subject_of(name: str, value: Any, request: HttpRequest | None) -> str:
    """The kind of reader data that a variable shows; "" for none."""
    if type(value) is _ReportingVariable:
        return str(value.__dict__["evergreen_about"])  # of a fragment that has this one inside
    if name in ("csrf_token", "csp_nonce"):
        return CSRF
    if type(value) is PermWrapper or _is_reader(name, value, request):
        return USER
    return MESSAGES if request is not None and value is vars(request).get("_messages", request) else ""


def _is_reader(name: str, value: Any, request: HttpRequest | None) -> bool:
    """Whether it is the user who reads. Without a request any user may be that."""
    known = vars(request) if request is not None else {}
    if value is not None and value is known.get("user"):
        return True
    user = _unwrapped(value)
    if not (hasattr(type(user), "is_authenticated") and hasattr(type(user), "is_anonymous")):
        return name == "user" and request is None and value is not None
    return request is None or user.is_anonymous or user in (known.get("_cached_user"), known.get("_acached_user"))


def _unwrapped(value: Any) -> Any:
    """The object inside a lazy object that was looked up; else the value itself."""
    while issubclass(type(value), LazyObject) and vars(value).get("_wrapped") is not empty:
        value = vars(value)["_wrapped"]
    return value


def _tainted_variables(context: Context, request: HttpRequest) -> frozenset[str]:
    """Variables from context processors that read the request. Found once a request by running them again."""
    known: frozenset[str] | None = vars(request).get("_evergreen_tainted")
    if known is None:
        record_reads(request)
        known = frozenset(_variables_of_readers(context, request))
        request._evergreen_tainted = known  # type: ignore[attr-defined]
    return known


def _variables_of_readers(context: Context, request: HttpRequest) -> Iterator[str]:
    template: Any = getattr(context, "template", None)
    if not isinstance(context, RequestContext) or template is None:
        return
    processors = (*template.engine.template_context_processors, *context._processors)  # type: ignore[attr-defined]
    for processor in processors:
        reads: set[str] = set()
        with watch_context(reads.add, request):
            variables = processor(request)
            for name, value in variables.items():
                if not _subject_of(name, value, request):
                    _look_up(value)
        if reads:
            yield from variables


def _look_up(value: Any) -> None:
    """Have a lazy variable read what it is made of."""
    if issubclass(type(value), LazyObject) and vars(value).get("_wrapped") is empty:
        value._setup()


class Ambience:
    """The active language and time zone, for rendering a fragment in another thread."""

    def __init__(self) -> None:
        self._language = translation.get_language()
        self._zone = timezone.get_current_timezone()

    @contextmanager
    def activate(self) -> Iterator[None]:
        with translation.override(self._language), timezone.override(self._zone):
            yield
