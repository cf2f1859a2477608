"""`cache_page`: what a view says about its page, in the language of HTTP; or the page kept at the view."""

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.cache import patch_vary_headers

from content.caching.collecting import Collected, collecting, note_private
from content.caching.declared import aliases_of_pages
from content.caching.edge.making import Whole, made
from content.caching.edge.profile import Profile
from content.caching.edge.request import Request
from content.caching.edge.rules.directives import AT_MOST, PROHIBITION, response_directives
from content.caching.edge.rules.fields import Fields
from content.caching.edge.rules.keys import variant_key, vary_of
from content.caching.edge.rules.storing import refusal
from content.caching.edge.shelf import Shelf, tags_of_page
from content.caching.edge.stored import Page
from content.caching.entry import Stamp, Verdict
from content.caching.registry import engine_of
from content.caching.request_reads import RequestReads, ambient_key, header_fields, scheme_header, watch_context

View = TypeVar("View", bound=Callable[..., Any])
Seconds = timedelta | float

logger = logging.getLogger("content.caching")

AT_VIEW = Profile(explicit_only=True, stores_cookies=False)
PERMISSION = "Evergreen-Cache-Control"
# In a page that is cached at the view: whether the edge may have it.
AT_EDGE = "Evergreen-At-Edge"
# The fields that may forbid to store a response.
SPEAKING = ("Cache-Control", PERMISSION, "CDN-Cache-Control", "Surrogate-Control")


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
    lasting = directives(ttl, stale, error)

    def decorated(view: View) -> View:
        said = Said(lasting, tuple(tags), tuple(vary), tuple(ignore_reads), cache, name_of(view))
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                return await said.answered(request, functools.partial(view, request, *args, **kwargs))

            return markcoroutinefunction(wrapper)  # type: ignore[return-value]

        @functools.wraps(view)
        def sync_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return said.answered_sync(request, functools.partial(view, request, *args, **kwargs))

        return sync_wrapper  # type: ignore[return-value]

    return decorated


def directives(ttl: Seconds, stale: Seconds, error: Seconds) -> str:
    named = {"max-age": ttl, "stale-while-revalidate": stale, "stale-if-error": error}
    seconds = {name: each.total_seconds() if isinstance(each, timedelta) else each for name, each in named.items()}
    if any(each < 0 for each in seconds.values()):
        raise ValueError(f"cache_page: {seconds}; a time cannot be negative.")
    said = [f"{name}={int(each)}" for name, each in seconds.items() if each or name == "max-age"]
    return ", ".join([*said, AT_MOST])


class Said:
    """What one use of the decorator says."""

    def __init__(
        self,
        lasting: str,
        tags: tuple[str, ...],
        vary: tuple[str, ...],
        ignore_reads: tuple[str, ...],
        cache: str | None,
        view_name: str,
    ) -> None:
        self.lasting = lasting
        self.tags = tags
        self.vary = vary
        self.ignore_reads = ignore_reads
        self.cache = cache
        self.view_name = view_name
        self.has_warned = False
        if cache is not None:
            aliases_of_pages.add(cache)

    async def answered(self, request: HttpRequest, view: Callable[[], Any]) -> HttpResponseBase:
        if self.cache is None or request.method != "GET":
            reads = RequestReads(request, self.ignore_reads)
            return self.permit_when_rendered(await view(), reads)
        key, begun, page = await self.kept_before(request)
        if page is not None:
            return response_of(page, self.shelf.engine.clock())
        reads = RequestReads(request, self.ignore_reads)
        with collecting() as collected:
            response = view()
            response = await response if inspect.isawaitable(response) else response
            if is_to_be_rendered(response):
                response = await sync_to_async(response.render)()
        self.permit(response, reads)
        await self.keep(request, key, begun, response, collected)
        return for_the_edge(response)

    def answered_sync(self, request: HttpRequest, view: Callable[[], Any]) -> Any:
        if self.cache is None or request.method != "GET":
            reads = RequestReads(request, self.ignore_reads)
            response = view()
            # The dispatch of an async class-based view is no coroutine function, and gives a coroutine.
            is_async = inspect.isawaitable(response)
            return self.permit_awaited(response, reads) if is_async else self.permit_when_rendered(response, reads)
        if is_in_loop():
            # So is this one, and whoever called it awaits what it gives.
            return self.answered(request, view)
        key, begun, page = async_to_sync(self.kept_before)(request)
        if page is not None:
            return response_of(page, self.shelf.engine.clock())
        reads = RequestReads(request, self.ignore_reads)
        with collecting() as collected:
            response = view()
            if is_to_be_rendered(response):
                response = response.render()
        self.permit(response, reads)
        async_to_sync(self.keep)(request, key, begun, response, collected)
        return for_the_edge(response)

    # --- what the response says to the edge -----------------------------------------------------------------

    async def permit_awaited(self, response: Any, reads: RequestReads) -> HttpResponseBase:
        return self.permit_when_rendered(await response, reads)

    def permit_when_rendered(self, response: Any, reads: RequestReads) -> HttpResponseBase:
        """A TemplateResponse reads what it shows when it is rendered: later than this, by Django's handler."""
        if is_to_be_rendered(response):
            response.add_post_render_callback(lambda rendered: self.permit(rendered, reads))
            return response  # type: ignore[no-any-return]
        return self.permit(response, reads)

    def permit(self, response: HttpResponseBase, reads: RequestReads) -> HttpResponseBase:
        """Let the edge store it: at most for as long as the decorator says, and only if nothing forbids it."""
        reads.stop()
        if self.tags:
            response["Cache-Tag"] = ", ".join(
                [*([response["Cache-Tag"]] if "Cache-Tag" in response else []), *self.tags]
            )
        if self.vary:
            patch_vary_headers(response, self.vary)
        if response.status_code != 200:
            return response
        if self.cache is None and scheme_header() in reads.names:
            patch_vary_headers(response, [scheme_header()])
        outside = self.reads_outside_key(response, reads)
        if outside:
            self.warn_once(outside)
        if outside or is_forbidden(response):
            mark_as_private(response)
        elif PERMISSION not in response:
            response[PERMISSION] = self.lasting
        is_stored_here = self.cache is not None and reads.request.method == "GET"
        if is_stored_here and reads.outside_key(names_in_vary(response), by_language=False):
            response[AT_EDGE] = "private"
        if response.streaming and not isinstance(response, FileResponse):
            watch_stream(response, lambda name: self.note_late_read(response, reads, name))
        return response

    def reads_outside_key(self, response: HttpResponseBase, reads: RequestReads) -> list[str]:
        names = names_in_vary(response)
        if self.cache is not None:
            # The view's own key has these names, and no others.
            names = {*names & set(self.vary_names), scheme_header()}
        return reads.outside_key(names, by_language=self.cache is not None)

    def note_late_read(self, response: HttpResponseBase, reads: RequestReads, name: str) -> None:
        """Of a stream: its header fields are on their way already."""
        reads.names.add(name)
        if outside := self.reads_outside_key(response, reads):
            self.warn_once(outside)
            note_private()

    def warn_once(self, outside: Sequence[str]) -> None:
        if not self.has_warned:
            self.has_warned = True
            logger.warning(
                "Pages of %s are not cached: the view reads what is not in their key (%s). Name the header field in "
                "cache_page(vary=...), or in ignore_reads=... if the page does not depend on it.",
                self.view_name,
                ", ".join(outside),
            )

    # --- kept at the view ---------------------------------------------------------------------------------

    @property
    def shelf(self) -> Shelf:
        return Shelf(engine_of(self.cache or "default"))

    async def kept_before(self, request: HttpRequest) -> tuple[str, Stamp | None, Page | None]:
        """Its key, where a page that is made now stands, and the page that is kept, if it is fresh."""
        asked, shelf = request_of(request), self.shelf
        key = variant_key(f"view:{ambient_key()}:{asked.url}", self.vary_names, asked.fields)
        held, now = await shelf.found(key), shelf.engine.clock()
        page = held.stored if held is not None and held.verdict is Verdict.VALID and shelf.is_heard else None
        if isinstance(page, Page) and now < page.fresh_until:
            return key, None, page
        return key, await shelf.begin(), None

    @property
    def vary_names(self) -> tuple[str, ...]:
        return tuple(name.lower() for name in self.vary)

    async def keep(
        self, request: HttpRequest, key: str, begun: Stamp | None, response: HttpResponseBase, collected: Collected
    ) -> None:
        if not isinstance(response, HttpResponse) or collected.stale or collected.private:
            return
        names = vary_of(fields_of(response))
        if names is None or not set(names) <= set(self.vary_names):
            return
        asked, shelf = request_of(request), self.shelf
        fields, now = fields_of(response), shelf.engine.clock()
        said, _ = response_directives(fields, AT_VIEW.targeted)
        # Nothing is validated here, which no-cache asks for.
        if "no-cache" in said or refusal(asked, response.status_code, fields, said, AT_VIEW) is not None:
            return
        page, times = made(
            Whole(asked, response.status_code, fields, response.content), now, now, now, collected, AT_VIEW
        )
        await shelf.keep(key, page, {*tags_of_page(asked), *collected.tags, *self.tags}, begun, times)


def name_of(view: Any) -> str:
    view = getattr(view, "view_class", view)
    return f"{getattr(view, '__module__', '?')}.{getattr(view, '__qualname__', type(view).__qualname__)}"


def names_in_vary(response: HttpResponseBase) -> set[str]:
    return {name.strip().lower() for name in response.get("Vary", "").split(",")}


def mark_as_private(response: HttpResponseBase) -> None:
    response[PERMISSION] = "private"
    response.setdefault("Cache-Control", "private")


def for_the_edge(response: HttpResponseBase) -> HttpResponseBase:
    """A page that the view may cache and the edge may not: the view's key has the language, the edge's has not."""
    if AT_EDGE in response:
        del response[AT_EDGE]
        mark_as_private(response)
    return response


def is_forbidden(response: HttpResponseBase) -> bool:
    """Whether the response forbids in any field to share it, or sets a cookie."""
    said = (response.get(name, "") for name in SPEAKING)
    return bool(response.cookies) or any(PROHIBITION.search(value) for value in said)


def watch_stream(response: Any, report: Callable[[str], None]) -> None:
    """Report what the request is asked for while the body is made."""
    if response.is_async:
        response.streaming_content = _watched_async(response.streaming_content, report)
    else:
        response.streaming_content = _watched(response.streaming_content, report)


def _watched(chunks: Iterable[bytes], report: Callable[[str], None]) -> Iterator[bytes]:
    iterator, end = iter(chunks), object()
    while True:
        with watch_context(report):
            chunk: Any = next(iterator, end)
        if chunk is end:
            return
        yield chunk


async def _watched_async(chunks: AsyncIterable[bytes], report: Callable[[str], None]) -> AsyncIterator[bytes]:
    iterator, end = aiter(chunks), object()
    while True:
        with watch_context(report):
            chunk: Any = await anext(iterator, end)
        if chunk is end:
            return
        yield chunk


def is_to_be_rendered(response: Any) -> bool:
    """A TemplateResponse is only what it will be made of: what it reads is read when it is rendered."""
    return isinstance(response, SimpleTemplateResponse) and not response.is_rendered


def is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def request_of(request: HttpRequest) -> Request:
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


def fields_of(response: HttpResponse) -> Fields:
    cookies = [(b"set-cookie", cookie.OutputString().encode("latin-1")) for cookie in response.cookies.values()]
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    return Fields([*pairs, *cookies])


def response_of(page: Page, now: float) -> HttpResponse:
    response = HttpResponse(page.body, status=page.status)
    del response["Content-Type"]
    for name, value in page.pairs:
        response[name.decode("latin-1")] = value.decode("latin-1")
    # For the edge: the page is as old there as here.
    response["Age"] = str(int(page.age(now)))
    for_the_edge(response)
    return response
