"""`cache_page`: what a view says about its page, in the language of HTTP; or the page kept at the view."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.cache import patch_vary_headers

from content.caching.collecting import Collected, collecting
from content.caching.declared import aliases_of_pages
from content.caching.edge.making import Whole, made
from content.caching.edge.profile import Profile
from content.caching.edge.request import Request
from content.caching.edge.rules.directives import response_directives
from content.caching.edge.rules.fields import Fields
from content.caching.edge.rules.keys import variant_key, vary_of
from content.caching.edge.rules.storing import refusal
from content.caching.edge.shelf import Shelf, tags_of_page
from content.caching.edge.stored import Page
from content.caching.entry import Stamp, Verdict
from content.caching.registry import engine_of

View = TypeVar("View", bound=Callable[..., Any])
Seconds = timedelta | float

AT_VIEW = Profile(explicit_only=True, stores_cookies=False)


def cache_page(
    ttl: Seconds,
    *,
    stale: Seconds = 0,
    error: Seconds = 0,
    tags: Sequence[str] = (),
    vary: Sequence[str] = (),
    cache: str | None = None,
) -> Callable[[View], View]:
    """For async and sync views, class-based ones (on `as_view()` or by method_decorator on `dispatch`) and URLconfs.

    The edge keeps the page for `ttl`, then stale for `stale` while it is made again, and for `error` if that fails;
    until a tag of it is invalidated: its own, and those of every resource that the view has read. Only 200 is kept.
    With `cache`, the alias of a cache, it is kept there and at the view, edge or no edge; then it is kept apart by
    `vary` alone, so that a view that looks at cookies names them.
    """
    lasting = directives(ttl, stale, error)

    def decorated(view: View) -> View:
        said = Said(lasting, tuple(tags), tuple(vary), cache)
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
    return ", ".join(f"{name}={int(each)}" for name, each in seconds.items() if each or name == "max-age")


class Said:
    """What one use of the decorator says."""

    def __init__(self, lasting: str, tags: tuple[str, ...], vary: tuple[str, ...], cache: str | None) -> None:
        self.lasting = lasting
        self.tags = tags
        self.vary = vary
        self.cache = cache
        if cache is not None:
            aliases_of_pages.add(cache)

    async def answered(self, request: HttpRequest, view: Callable[[], Any]) -> HttpResponseBase:
        if self.cache is None or request.method != "GET":
            return self.told(await view())
        key, begun, page = await self.kept_before(request)
        if page is not None:
            return response_of(page)
        with collecting() as collected:
            response = view()
            response = await response if inspect.isawaitable(response) else response
            if is_to_be_rendered(response):
                response = await sync_to_async(response.render)()
        await self.keep(request, key, begun, self.told(response), collected)
        return response  # type: ignore[no-any-return]

    def answered_sync(self, request: HttpRequest, view: Callable[[], Any]) -> Any:
        if self.cache is None or request.method != "GET":
            response = view()
            # The dispatch of an async class-based view is no coroutine function, and gives a coroutine.
            return self.told_later(response) if inspect.isawaitable(response) else self.told(response)
        if is_in_loop():
            # So is this one, and whoever called it awaits what it gives.
            return self.answered(request, view)
        key, begun, page = async_to_sync(self.kept_before)(request)
        if page is not None:
            return response_of(page)
        with collecting() as collected:
            response = view()
            if is_to_be_rendered(response):
                response = response.render()
        async_to_sync(self.keep)(request, key, begun, self.told(response), collected)
        return response

    async def told_later(self, response: Any) -> HttpResponseBase:
        return self.told(await response)

    def told(self, response: HttpResponseBase) -> HttpResponseBase:
        """For the edge alone; what the view itself says to it stays."""
        if response.status_code == 200 and "Evergreen-Cache-Control" not in response:
            response["Evergreen-Cache-Control"] = self.lasting
            response.setdefault("Cache-Control", "no-cache")
        if self.tags:
            response["Cache-Tag"] = ", ".join(
                [*([response["Cache-Tag"]] if "Cache-Tag" in response else []), *self.tags]
            )
        if self.vary:
            patch_vary_headers(response, self.vary)
        return response

    # --- kept at the view ---------------------------------------------------------------------------------

    @property
    def shelf(self) -> Shelf:
        return Shelf(engine_of(self.cache or "default"))

    async def kept_before(self, request: HttpRequest) -> tuple[str, Stamp | None, Page | None]:
        """Its key, where a page that is made now stands, and the page that is kept, if it is fresh."""
        asked, shelf = request_of(request), self.shelf
        key = variant_key(f"view:{asked.url}", self.vary_names, asked.fields)
        held, now = await shelf.found(key), shelf.engine.clock()
        page = held.stored if held is not None and held.verdict is Verdict.VALID and shelf.is_heard else None
        if isinstance(page, Page) and now < page.fresh_until:
            return key, None, page
        return key, await shelf.begin(), None

    @property
    def vary_names(self) -> tuple[str, ...]:
        return tuple(name.lower() for name in self.vary)

    def is_somebodys(self, request: HttpRequest, response: HttpResponse) -> bool:
        """Whether it was made by looking at the session, at a form's token, or at more than the key knows."""
        session = getattr(request, "session", None)
        if (session is not None and session.accessed) or "CSRF_COOKIE_NEEDS_UPDATE" in request.META:
            return True
        names = vary_of(fields_of(response))
        return names is None or not set(names) <= set(self.vary_names)

    async def keep(
        self, request: HttpRequest, key: str, begun: Stamp | None, response: HttpResponseBase, collected: Collected
    ) -> None:
        if not isinstance(response, HttpResponse) or collected.stale or self.is_somebodys(request, response):
            return
        asked, shelf = request_of(request), self.shelf
        fields, now = fields_of(response), shelf.engine.clock()
        said, _ = response_directives(fields, AT_VIEW.targeted)
        if refusal(asked, response.status_code, fields, said, AT_VIEW) is not None:
            return
        page, times = made(
            Whole(asked, response.status_code, fields, response.content), now, now, now, collected, AT_VIEW
        )
        await shelf.keep(key, page, {*tags_of_page(asked), *collected.tags, *self.tags}, begun, times)


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
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
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


def response_of(page: Page) -> HttpResponse:
    response = HttpResponse(page.body, status=page.status)
    del response["Content-Type"]
    for name, value in page.pairs:
        response[name.decode("latin-1")] = value.decode("latin-1")
    return response
