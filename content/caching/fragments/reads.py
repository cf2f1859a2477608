"""What the body of a fragment reads of its reader, and whether the values that the fragment varies on name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.context_processors import PermWrapper
from django.http import HttpRequest
from django.template import Context, RequestContext
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject

from content.caching.request_reads import CSRF, MESSAGES, USER, USER_ATTRIBUTE, Record, record_reads, watch_context


class PrivateFragment(Exception):
    """The text was made of data of one reader that the fragment does not vary on: it is this reader's alone."""

    def __init__(self, key: str, text: str, message: str) -> None:
        super().__init__(message)
        self.key = key
        self.text = text


class FragmentReads:
    """A template's context that records what is read of the request, and of variables that speak of its reader."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._names: set[str] = set()
        request = request_of(context)
        if request is not None:
            record_reads(request)
            tainted = _tainted_variables(context, request)
            context.dicts = [self._recording(variables, request, tainted) for variables in context.dicts]

    def record(self, name: str) -> None:
        self._names.add(USER if name == USER_ATTRIBUTE else name)

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """The names of what is read in here."""
        names: set[str] = set()
        self._names = names
        with watch_context(self.record):
            yield names

    def _recording(self, variables: dict[str, Any], request: HttpRequest, tainted: frozenset[str]) -> Any:
        recorded = {name: self._reported(name, value, request) for name, value in variables.items()}
        return _RecordingVariables(recorded, tainted & recorded.keys(), self.record)

    def _reported(self, name: str, value: Any, request: HttpRequest) -> Any:
        """A variable that speaks of the reader, as one that reports when it is looked at; others as they are."""
        about = _subject_of(name, value, request)
        return _Reported(value, about, self.record) if about else value


class _RecordingVariables(dict[str, Any]):
    """Variables of a template; reads of the `tainted` ones are reported."""

    def __init__(self, variables: dict[str, Any], tainted: frozenset[str], report: Record) -> None:
        super().__init__(variables)
        self._tainted = tainted
        self._report = report

    def __getitem__(self, name: str) -> Any:
        if name in self._tainted:
            self._report(f"variable {name}")
        return super().__getitem__(name)


def request_of(context: Context) -> HttpRequest | None:
    request = getattr(context, "request", None) or context.get("request")
    return request if isinstance(request, HttpRequest) else None


class _Reported(SimpleLazyObject):  # type: ignore[type-arg]
    """A variable that reports once when it is looked at."""

    def __init__(self, value: Any, about: str, report: Record) -> None:
        def look_at() -> Any:
            report(about)
            return value

        super().__init__(look_at)
        self.__dict__["evergreen_about"] = about


def _subject_of(name: str, value: Any, request: HttpRequest) -> str:
    """What of the reader a variable shows; "" for nothing."""
    if type(value) is _Reported:
        return str(value.__dict__["evergreen_about"])  # of a fragment that has this one inside
    if name == "csrf_token":
        return CSRF
    if value is None:
        return ""
    if type(value) is PermWrapper or value is vars(request).get("user"):
        return USER
    return MESSAGES if value is vars(request).get("_messages") else ""


def _tainted_variables(context: Context, request: HttpRequest) -> frozenset[str]:
    """Variables of context processors that look at the reader; found once a request, by running them once more."""
    known: frozenset[str] | None = vars(request).get("_evergreen_tainted")
    if known is None:
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
        with watch_context(reads.add):
            variables = processor(request)
        if reads:
            yield from variables


class Ambience:
    """The language and time zone that are active where a fragment stands: it is rendered in another thread."""

    def __init__(self) -> None:
        self._language = translation.get_language()
        self._zone = timezone.get_current_timezone()

    @contextmanager
    def active(self) -> Iterator[None]:
        with translation.override(self._language), timezone.override(self._zone):
            yield
