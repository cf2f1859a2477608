"""The arguments of one use of `{% fragment %}`, and the data of its reader that it reads, to compare both.

Literals are resolved once. Errors are raised when the fragment is rendered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.contrib.auth.context_processors import PermWrapper
from django.http import HttpRequest
from django.template import Context, RequestContext, TemplateSyntaxError
from django.template.base import FilterExpression
from django.utils import timezone, translation
from django.utils.functional import LazyObject, Promise, SimpleLazyObject, empty

from ..key import check_tags, encode_parameter
from ..policy import Policy, duration
from ..recording_request import CSRF, MESSAGES, USER, USER_ATTRIBUTE, Record
from ..request_reads import record_reads, watch_context

OPTIONS = frozenset({"ttl", "stale", "error", "tags", "cache"})


class Arguments:
    """`values`: the fragment varies on them. `options`: by name, see OPTIONS."""

    def __init__(self, name: str, values: list[FilterExpression], options: dict[str, FilterExpression]) -> None:
        self._name = name
        self.values = values
        self._options = options
        # Whether all options are the same for every use.
        self.has_literal_options = all(map(_is_literal, options.values()))
        self._resolved: tuple[Policy, tuple[str, ...], str] | None = None

    def resolve_options(self, context: Context) -> tuple[Policy, tuple[str, ...], str]:
        """The policy, the tags and the cache alias. Raises TemplateSyntaxError."""
        if self._resolved is not None:
            return self._resolved
        policy = _policy(*(self._seconds(option, context) for option in ("ttl", "stale", "error")))
        resolved = policy, self._tags(context), self._alias(context)
        if self.has_literal_options:
            self._resolved = resolved
        return resolved

    def resolve_values(self, context: Context) -> list[Any]:
        """The values to vary on. Raises VariableDoesNotExist and TemplateSyntaxError."""
        return [self.resolve_value(expression, context) for expression in self.values]

    def resolve_value(self, expression: FilterExpression, context: Context) -> Any:
        """A value to vary on. Raises VariableDoesNotExist for a missing variable: all readers would share one key."""
        value = expression.var.resolve(context) if expression.is_var else expression.var
        if expression.filters:
            value = expression.resolve(context)
        if type(value) is str or type(value) is int:
            return value
        value = str(value) if isinstance(value, Promise) else value
        try:
            encode_parameter(value)
            hash(value)
        except TypeError as error:
            raise TemplateSyntaxError(
                f"The fragment {self._name!r} cannot vary on {value!r}: name its key, or another plain value."
            ) from error
        return value

    def _seconds(self, option: str, context: Context) -> timedelta:
        value = self._options[option].resolve(context) if option in self._options else 0
        try:
            return duration(value, f"The {option} of the fragment {self._name!r}")
        except (TypeError, ValueError) as error:
            raise TemplateSyntaxError(str(error)) from error

    def _tags(self, context: Context) -> tuple[str, ...]:
        """A string is a list of words, as templates have no other literal."""
        value = self._options["tags"].resolve(context) if "tags" in self._options else ()
        try:
            return check_tags(value.split() if isinstance(value, str) else value)
        except (TypeError, ValueError) as error:
            raise TemplateSyntaxError(f"The fragment {self._name!r}: {error}") from error

    def _alias(self, context: Context) -> str:
        return str(self._options["cache"].resolve(context)) if "cache" in self._options else "default"


def _is_literal(expression: FilterExpression) -> bool:
    """Text or a number that no filter changes and no language translates."""
    if expression.filters:
        return False
    literal = expression.var.literal if expression.is_var else expression.var
    return isinstance(literal, str | int | float) and not isinstance(literal, Promise)


@lru_cache(maxsize=1000)
def _policy(ttl: timedelta, stale: timedelta, error: timedelta) -> Policy:
    return Policy(ttl=ttl, stale_ttl=stale, error_ttl=error)


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
