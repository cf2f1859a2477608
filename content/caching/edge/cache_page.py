"""`cache_page`: what a view says about its page, in the language of HTTP; or the page kept at the view."""

import asyncio
import functools
import inspect
import logging
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.cache import patch_vary_headers
from django.views import View as ClassBasedView

from ..declarations import page_aliases
from ..dependencies import Dependencies, note_private, track_dependencies
from ..engines import engine_of
from ..entry import Stamp, Verdict
from ..request_reads import RequestReads, ambient_key, django_request, header_fields, scheme_header
from .page import Page
from .page_builder import CompleteResponse, build_page
from .page_store import PageStore, tags_of_page
from .profile import Profile
from .request import Request
from .rules.directives import AT_MOST, PROHIBITION, response_directives
from .rules.fields import Fields
from .rules.keys import variant_key, vary_of
from .rules.storing import refusal_reason

View = TypeVar("View", bound=Callable[..., Any])
Seconds = timedelta | float

logger = logging.getLogger("content.caching")

_AT_VIEW = Profile(explicit_only=True, stores_cookies=False)
_PERMISSION = "Evergreen-Cache-Control"
_PRIVATE = re.compile(r"private|no-store", re.IGNORECASE)
# In a page that is cached at the view: whether the edge may have it.
_AT_EDGE = "Evergreen-At-Edge"
# The fields that may forbid to store a response.
_SPEAKING = ("Cache-Control", _PERMISSION, "CDN-Cache-Control", "Surrogate-Control")


def cache_page(
    ttl: Seconds,
    *,
    stale: Seconds = 0,
    error: Seconds = 0,
    tags: Sequence[str] = (),
    vary: Sequence[str] = (),
    ignore_reads: Sequence[str] = (),
    cache: str | None = None,
) -> Callable[[View], View]:
    """Cache the pages of a view: async, sync or class-based (`as_view()`, or method_decorator on `dispatch`).

    The edge serves a page for `ttl` seconds (or a timedelta), then stale for `stale` while it is made again, and for
    `error` if that fails. An invalidation of one of its tags ends it: of `tags`, or of a resource that the view has
    read. With `cache`, the alias of a cache, the view itself stores its pages there, with an edge or without one.

    Stored are responses of status 200 to GET, one for each URL and each value of the header fields in `vary`.
    Never stored is what the response forbids: `private`, `no-store`, `no-cache`, `Vary: *`, a cookie that it sets.
    Never stored is what the view makes of request data that neither the URL nor `vary` names: cookies, session, user,
    messages, form tokens, header fields, the client's address. A shorter lifetime that the response states holds.

    `ignore_reads` names reads that do not matter to the page: a header field, `cookie:NAME`, `session`, `language`.

    Raises ValueError for a negative time.
    """
    control = _directives(ttl, stale, error)

    def decorate(view: View) -> View:
        view_cache = _ViewCache(control, tuple(tags), tuple(vary), tuple(ignore_reads), cache, _name_of(view))
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                return await view_cache.respond(request, functools.partial(view, request, *args, **kwargs))

            return markcoroutinefunction(wrapper)  # type: ignore[return-value]

        @functools.wraps(view)
        def sync_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return view_cache.respond_sync(request, functools.partial(view, request, *args, **kwargs))

        return sync_wrapper  # type: ignore[return-value]

    return decorate


def _directives(ttl: Seconds, stale: Seconds, error: Seconds) -> str:
    named = {"max-age": ttl, "stale-while-revalidate": stale, "stale-if-error": error}
    seconds = {name: each.total_seconds() if isinstance(each, timedelta) else each for name, each in named.items()}
    if any(each < 0 for each in seconds.values()):
        raise ValueError(f"cache_page: {seconds}; a time cannot be negative.")
    said = [f"{name}={int(each)}" for name, each in seconds.items() if each or name == "max-age"]
    return ", ".join([*said, AT_MOST])


class _ViewCache:
    """What one use of the decorator says."""

    def __init__(
        self,
        control: str,
        tags: tuple[str, ...],
        vary: tuple[str, ...],
        ignore_reads: tuple[str, ...],
        cache: str | None,
        view_name: str,
    ) -> None:
        self.control = control
        self.tags = tags
        self.vary = vary
        self.ignore_reads = ignore_reads
        self.cache = cache
        self.view_name = view_name
        self._has_warned = False
        if cache is not None:
            page_aliases.add(cache)

    async def respond(self, request: HttpRequest, view: Callable[[], Any]) -> HttpResponseBase:
        if self.cache is None or request.method != "GET":
            reads = self._watch(request, view)
            return self._permit_when_rendered(await view(), reads)
        key, begun, page = await self._lookup(django_request(request), _arguments_of(request, view))
        if page is not None:
            return _response_of(page, self.page_store.engine.clock())
        reads = self._watch(request, view)
        with track_dependencies() as collected:
            response = view()
            response = await response if inspect.isawaitable(response) else response
            if _needs_rendering(response):
                response = await sync_to_async(response.render)()
        self._permit(response, reads)
        await self._store(django_request(request), key, begun, response, collected)
        return _for_the_edge(response)

    def respond_sync(self, request: HttpRequest, view: Callable[[], Any]) -> Any:
        if self.cache is None or request.method != "GET":
            reads = self._watch(request, view)
            response = view()
            # The dispatch of an async class-based view is no coroutine function, and gives a coroutine.
            is_async = inspect.isawaitable(response)
            return self._permit_awaited(response, reads) if is_async else self._permit_when_rendered(response, reads)
        if _is_in_loop():
            # So is this one, and whoever called it awaits what it gives.
            return self.respond(request, view)
        key, begun, page = async_to_sync(self._lookup)(django_request(request), _arguments_of(request, view))
        if page is not None:
            return _response_of(page, self.page_store.engine.clock())
        reads = self._watch(request, view)
        with track_dependencies() as collected:
            response = view()
            if _needs_rendering(response):
                response = response.render()
        self._permit(response, reads)
        async_to_sync(self._store)(django_request(request), key, begun, response, collected)
        return _for_the_edge(response)

    def _watch(self, request: HttpRequest, view: Callable[[], Any]) -> RequestReads:
        reads = RequestReads(request, self.ignore_reads)
        if _has_own_setup(view):
            reads.names.add("setup of the view")
        return reads

    # --- what the response says to the edge -----------------------------------------------------------------

    async def _permit_awaited(self, response: Any, reads: RequestReads) -> HttpResponseBase:
        return self._permit_when_rendered(await response, reads)

    def _permit_when_rendered(self, response: Any, reads: RequestReads) -> HttpResponseBase:
        """A TemplateResponse reads what it shows when it is rendered: later than this, by Django's handler."""
        if _needs_rendering(response):
            response.add_post_render_callback(lambda rendered: self._permit(rendered, reads))
            return response  # type: ignore[no-any-return]
        return self._permit(response, reads)

    def _permit(self, response: HttpResponseBase, reads: RequestReads) -> HttpResponseBase:
        """Let the edge store it: at most for as long as the decorator says, and only if nothing forbids it."""
        reads.stop()
        if self.tags:
            response["Cache-Tag"] = ", ".join(
                [*([response["Cache-Tag"]] if "Cache-Tag" in response else []), *self.tags]
            )
        if self.vary:
            patch_vary_headers(response, self.vary)
        if self.cache is None and scheme_header() in reads.names:
            patch_vary_headers(response, [scheme_header()])
        outside = self._reads_outside_key(response, reads)
        if outside:
            self._warn_once(outside)
            _mark_as_private(response)
        elif _is_forbidden(response):
            response[_PERMISSION] = "private"
            response.setdefault("Cache-Control", "private")
        elif _PERMISSION not in response and response.status_code == 200:
            response[_PERMISSION] = self.control
        is_stored_here = self.cache is not None and reads.request.method == "GET"
        if is_stored_here and reads.outside_key(_names_in_vary(response), by_language=False):
            response[_AT_EDGE] = "private"
        if response.streaming and not isinstance(response, FileResponse):
            _watch_stream(response, reads, lambda: self._check_stream(response, reads))
        return response

    def _reads_outside_key(self, response: HttpResponseBase, reads: RequestReads) -> list[str]:
        names = _names_in_vary(response)
        if self.cache is not None:
            # The view's own key has these names, and no others.
            names = {*names & set(self._vary_names), scheme_header()}
        return reads.outside_key(names, by_language=self.cache is not None)

    def _check_stream(self, response: HttpResponseBase, reads: RequestReads) -> None:
        """The header fields are sent already; the edge can still be told not to store the page."""
        if outside := self._reads_outside_key(response, reads):
            self._warn_once(outside)
            note_private()

    def _warn_once(self, outside: Sequence[str]) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "Pages of %s are not cached: the view reads what is not in their key (%s). Name the header field in "
                "cache_page(vary=...), or in ignore_reads=... if the page does not depend on it.",
                self.view_name,
                ", ".join(outside),
            )

    # --- kept at the view ---------------------------------------------------------------------------------

    @property
    def page_store(self) -> PageStore:
        return PageStore(engine_of(self.cache or "default"))

    async def _lookup(self, request: HttpRequest, arguments: str) -> tuple[str, Stamp | None, Page | None]:
        """Its key, where a page that is made now stands, and the page that is kept, if it is fresh."""
        parsed, page_store = _request_of(request), self.page_store
        place = f"view:{self.view_name}:{arguments}:{ambient_key()}"
        key = variant_key(f"{place}:{parsed.url}", self._vary_names, parsed.fields)
        stored, now = await page_store.lookup(key), page_store.engine.clock()
        page = (
            stored.value if stored is not None and stored.verdict is Verdict.VALID and page_store.is_heard else None
        )
        if isinstance(page, Page) and now < page.fresh_until:
            return key, None, page
        return key, await page_store.begin(), None

    @property
    def _vary_names(self) -> tuple[str, ...]:
        return tuple(name.lower() for name in self.vary)

    async def _store(
        self, request: HttpRequest, key: str, begun: Stamp | None, response: HttpResponseBase, collected: Dependencies
    ) -> None:
        if not isinstance(response, HttpResponse) or collected.stale or collected.private:
            return
        names = vary_of(_fields_of(response))
        if names is None or not set(names) <= set(self._vary_names):
            return
        parsed, page_store = _request_of(request), self.page_store
        fields, now = _fields_of(response), page_store.engine.clock()
        directives, _ = response_directives(fields, _AT_VIEW.targeted)
        # Nothing is validated here, which no-cache asks for.
        if (
            "no-cache" in directives
            or refusal_reason(parsed, response.status_code, fields, directives, _AT_VIEW) is not None
        ):
            return
        page, times = build_page(
            CompleteResponse(parsed, response.status_code, fields, response.content),
            now,
            now,
            now,
            collected,
            _AT_VIEW,
        )
        await page_store.store(key, page, {*tags_of_page(parsed), *collected.tags, *self.tags}, begun, times)


def _name_of(view: Any) -> str:
    view = getattr(view, "view_class", view)
    return f"{getattr(view, '__module__', '?')}.{getattr(view, '__qualname__', type(view).__qualname__)}"


def _has_own_setup(view: Any) -> bool:
    """Whether a class-based view, decorated behind its `setup`, may have looked at the request there."""
    while isinstance(view, functools.partial):
        view = view.func
    instance = getattr(view, "__self__", None)
    return isinstance(instance, ClassBasedView) and type(instance).setup is not ClassBasedView.setup


def _arguments_of(request: HttpRequest, view: Any) -> str:
    """The arguments of a view that its URL does not say; "" for none."""
    match = getattr(request, "resolver_match", None)
    said = ((), {}) if match is None else (tuple(match.args), dict(match.kwargs))
    given = (view.args[1:], view.keywords) if isinstance(view, functools.partial) else ((), {})
    return "" if given in (said, ((), {})) else repr(given)


def _names_in_vary(response: HttpResponseBase) -> set[str]:
    return {name.strip().lower() for name in response.get("Vary", "").split(",")}


def _mark_as_private(response: HttpResponseBase) -> None:
    response[_PERMISSION] = "private"
    if not _PRIVATE.search(response.get("Cache-Control", "")):
        response["Cache-Control"] = "private"


def _for_the_edge(response: HttpResponseBase) -> HttpResponseBase:
    """A page that the view may cache and the edge may not: the view's key has the language, the edge's has not."""
    if _AT_EDGE in response:
        del response[_AT_EDGE]
        _mark_as_private(response)
    return response


def _is_forbidden(response: HttpResponseBase) -> bool:
    """Whether the response forbids in any field to share it, or sets a cookie."""
    said = (response.get(name, "") for name in _SPEAKING)
    return bool(response.cookies) or any(PROHIBITION.search(value) for value in said)


def _watch_stream(response: Any, reads: RequestReads, check: Callable[[], None]) -> None:
    """Watch the request while the body is made, and `check` the reads after each part of it."""
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


def _needs_rendering(response: Any) -> bool:
    """A TemplateResponse is only what it will be made of: what it reads is read when it is rendered."""
    return isinstance(response, SimpleTemplateResponse) and not response.is_rendered


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _request_of(request: HttpRequest) -> Request:
    """As the edge would have it."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in header_fields(request).items()
    ]
    path, query = request.get_full_path().partition("?")[::2]
    return Request(
        {
            "type": "http",
            "method": request.method,
            "scheme": request.scheme,
            "path": request.path,
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": headers,
        }
    )


def _fields_of(response: HttpResponse) -> Fields:
    cookies = [(b"set-cookie", cookie.OutputString().encode("latin-1")) for cookie in response.cookies.values()]
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    return Fields([*pairs, *cookies])


def _response_of(page: Page, now: float) -> HttpResponse:
    response = HttpResponse(page.body, status=page.status)
    del response["Content-Type"]
    for name, value in page.pairs:
        response[name.decode("latin-1")] = value.decode("latin-1")
    # For the edge: the page is as old there as here.
    response["Age"] = str(int(page.age(now)))
    _for_the_edge(response)
    return response
