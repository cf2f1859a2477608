"""Tell the edge in header fields whether, and for how long, it may store a view's pages."""

import logging
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.cache import patch_vary_headers

from ..dependencies import note_private
from ..policy import Duration, duration
from ..request_reads import RequestReads, scheme_header
from .rules.directives import AT_MOST, PROHIBITION

logger = logging.getLogger("content.caching")

_DIRECTIVES = {"ttl": "max-age", "stale": "stale-while-revalidate", "error": "stale-if-error"}
_PERMISSION = "Evergreen-Cache-Control"
# Marks a page that may be stored at the view: whether the edge may store it too.
_AT_EDGE = "Evergreen-At-Edge"
_PRIVATE = re.compile(r"private|no-store", re.IGNORECASE)
# The fields that may forbid to store a response.
_CONTROL_FIELDS = ("Cache-Control", _PERMISSION, "CDN-Cache-Control", "Surrogate-Control")


def permission_of(ttl: Duration, stale: Duration, error: Duration) -> str:
    """The permission that allows these times, in seconds. Raises TypeError and ValueError for what is no time."""
    named = {"ttl": ttl, "stale": stale, "error": error}
    seconds = {name: _whole_seconds(each, f"cache_page: {name}") for name, each in named.items()}
    directives = [f"{_DIRECTIVES[name]}={each}" for name, each in seconds.items() if each or name == "ttl"]
    return ", ".join([*directives, AT_MOST])


def _whole_seconds(value: Duration, name: str) -> int:
    found = duration(value, name)
    if timedelta(0) < found < timedelta(seconds=1):
        raise ValueError(f"{name} is {value!r}, less than a second: HTTP counts whole seconds. Give 1 or more.")
    return int(found.total_seconds())


class Permission:
    """The permission of one use of `cache_page`.

    - `control`: the value of Evergreen-Cache-Control.
    - `at_view`: the view also stores its pages itself.
    """

    def __init__(
        self,
        control: str,
        tags: tuple[str, ...],
        vary: tuple[str, ...],
        view_name: str,
        *,
        at_view: bool,
    ) -> None:
        self._control = control
        self._tags = tags
        self._vary = vary
        self._vary_names = frozenset(name.lower() for name in vary)
        self._view_name = view_name
        self._at_view = at_view
        self._has_warned = False

    def grant_when_rendered(self, response: Any, reads: RequestReads) -> HttpResponseBase:
        """Grant after Django's handler has rendered a TemplateResponse, since rendering reads the request too."""
        if needs_rendering(response):
            response.add_post_render_callback(lambda rendered: self.grant(rendered, reads))
            return response  # type: ignore[no-any-return]
        return self.grant(response, reads)

    def grant(self, response: HttpResponseBase, reads: RequestReads) -> HttpResponseBase:
        """Let the edge store a response, at most as long as the decorator allows, and only if nothing forbids it."""
        reads.stop()
        if self._tags:
            response["Cache-Tag"] = ", ".join(
                [*([response["Cache-Tag"]] if "Cache-Tag" in response else []), *self._tags]
            )
        if self._vary:
            patch_vary_headers(response, self._vary)
        if not self._at_view and scheme_header() in reads.names:
            patch_vary_headers(response, [scheme_header()])
        outside = self._reads_outside_key(response, reads)
        if outside:
            self._warn_once(outside)
            _mark_as_private(response)
        elif _is_forbidden(response):
            response[_PERMISSION] = "private"
            response.setdefault("Cache-Control", "private")
        elif _PERMISSION not in response and response.status_code == 200:
            response[_PERMISSION] = self._control
        is_stored_here = self._at_view and reads.request.method == "GET"
        if is_stored_here and reads.outside_key(_names_in_vary(response), by_language=False):
            response[_AT_EDGE] = "private"
        if response.streaming and not isinstance(response, FileResponse):
            _watch_stream(response, reads, lambda: self._check_stream(response, reads))
        return response

    def _reads_outside_key(self, response: HttpResponseBase, reads: RequestReads) -> list[str]:
        names = _names_in_vary(response)
        if self._at_view:
            # The key at the view has only these names.
            names = {*names & self._vary_names, scheme_header()}
        return reads.outside_key(names, by_language=self._at_view)

    def _check_stream(self, response: HttpResponseBase, reads: RequestReads) -> None:
        """Check the reads after the stream. The fields are sent, but a private dependency still forbids storing."""
        if outside := self._reads_outside_key(response, reads):
            self._warn_once(outside)
            note_private()

    def _warn_once(self, outside: Sequence[str]) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "Pages of %s are not cached: the view reads request data that is not in their key (%s). Name the "
                "header field in cache_page(vary=...), or in ignore_reads=... if the page does not depend on it.",
                self._view_name,
                ", ".join(outside),
            )


def _names_in_vary(response: HttpResponseBase) -> set[str]:
    return {name.strip().lower() for name in response.get("Vary", "").split(",")}


def _mark_as_private(response: HttpResponseBase) -> None:
    response[_PERMISSION] = "private"
    if not _PRIVATE.search(response.get("Cache-Control", "")):
        response["Cache-Control"] = "private"


def restrict_edge(response: HttpResponseBase) -> HttpResponseBase:
    """Forbid the edge to store a page that only the view may store. The edge's key does not contain the language."""
    if _AT_EDGE in response:
        del response[_AT_EDGE]
        _mark_as_private(response)
    return response


def _is_forbidden(response: HttpResponseBase) -> bool:
    """Whether the response sets a cookie, or forbids storing in any field."""
    values = (response.get(name, "") for name in _CONTROL_FIELDS)
    return bool(response.cookies) or any(PROHIBITION.search(value) for value in values)


def needs_rendering(response: Any) -> bool:
    """Whether a TemplateResponse is not rendered yet."""
    return isinstance(response, SimpleTemplateResponse) and not response.is_rendered


def _watch_stream(response: Any, reads: RequestReads, check: Callable[[], None]) -> None:
    """Watch the request while the body is produced, and `check` the reads after each part of it."""
    watch = _watch_parts_async if response.is_async else _watch_parts
    response.streaming_content = watch(response.streaming_content, reads, check)


def _watch_parts(parts: Iterable[bytes], reads: RequestReads, check: Callable[[], None]) -> Iterator[bytes]:
    reads.start()
    for part in parts:
        check()
        yield part
    check()
    reads.stop()


async def _watch_parts_async(
    parts: AsyncIterable[bytes], reads: RequestReads, check: Callable[[], None]
) -> AsyncIterator[bytes]:
    reads.start()
    async for part in parts:
        check()
        yield part
    check()
    reads.stop()
