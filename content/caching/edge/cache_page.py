"""The decorator `cache_page`: permit the edge to store a view's pages, or store them at the view."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views import View as ClassBasedView

from ..declarations import edge_views, page_aliases
from ..dependencies import track_dependencies
from ..key import check_tags
from ..lasting_loop import run_inline
from ..policy import Duration
from ..request_reads import RequestReads, django_request
from ..transactions import is_bypassed
from .permission import Permission, needs_rendering, permission_of, restrict_edge
from .view_pages import MadePage, ViewPages

View = TypeVar("View", bound=Callable[..., Any])


def cache_page(
    ttl: Duration,
    *,
    stale: Duration = 0,
    error: Duration = 0,
    tags: Sequence[str] = (),
    vary: Sequence[str] = (),
    ignore_reads: Sequence[str] = (),
    cache: str | None = None,
) -> Callable[[View], View]:
    """Cache the pages of a view: async, sync or class-based (`as_view()`, or method_decorator on `dispatch`).

    The edge serves a page as fresh for `ttl`. Then it serves it stale for `stale` while it refreshes it, and for
    `error` if the refresh fails. Each is in seconds, a timedelta, or text such as "5m". An invalidation of one of
    the `tags`, or of a resource that the view has read, invalidates the page. With `cache`, the alias of a cache,
    the view itself stores its pages there, with an edge or without one.

    Only responses of status 200 to GET are stored: one for each URL and each value of the header fields in `vary`.
    With `cache`, a Vary that middleware adds later counts too: a page is stored when its response is closed.
    A response is not stored if it forbids that: `private`, `no-store`, `no-cache`, `Vary: *`, or a cookie that it
    sets. Nor is a page made from request data that neither the URL nor `vary` names: cookies, session, user,
    messages, form tokens, header fields, the client's address. A shorter lifetime in the response overrides `ttl`.

    `ignore_reads` names reads that do not matter to the page: a header field, `cookie:NAME`, `session`, `language`.

    Raises TypeError and ValueError for a time that is none, and for a string in place of a list.
    """
    control, tags = permission_of(ttl, stale, error), check_tags(tags)
    for option, names in (("vary", vary), ("ignore_reads", ignore_reads)):
        if isinstance(names, str | bytes):
            raise TypeError(f"cache_page: {option} is {names!r}, one string. Give a list: {option}=[{names!r}].")

    def decorate(view: View) -> View:
        name = _name_of(view)
        permission = Permission(control, tags, tuple(vary), name, at_view=cache is not None)
        pages = ViewPages(name, cache, tags, tuple(vary)) if cache is not None else None
        if cache is not None:
            page_aliases.add(cache)
        else:
            edge_views.add(name)
        view_cache = _ViewCache(permission, pages, tuple(ignore_reads))
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


class _ViewCache:
    """Answer requests to one view. `pages`: its stored pages, if the view stores them itself."""

    def __init__(self, permission: Permission, pages: ViewPages | None, ignore_reads: tuple[str, ...]) -> None:
        self._permission = permission
        self._pages = pages
        self._ignore_reads = ignore_reads

    async def respond(self, request: HttpRequest, view: Callable[[], Any]) -> HttpResponseBase:
        if self._pages is None or request.method != "GET" or is_bypassed():
            reads = self._watch(request, view)
            response = view()
            response = await response if inspect.isawaitable(response) else response
            return self._permission.grant_when_rendered(response, reads)
        page_store = self._pages.page_store()
        lookup = await self._pages.lookup(page_store, django_request(request), _arguments_of(request, view))
        if lookup.page is not None:
            return self._pages.respond(lookup.page)
        reads = self._watch(request, view)
        with track_dependencies() as collected:
            response = view()
            response = await response if inspect.isawaitable(response) else response
            if needs_rendering(response):
                response = await sync_to_async(response.render)()
        self._permission.grant(response, reads)
        made = self._pages.build(lookup, response, collected)
        if made is not None and not self._store_later(request, made, response):
            await self._pages.store(page_store, made, response)
        return restrict_edge(response)

    def respond_sync(self, request: HttpRequest, view: Callable[[], Any]) -> Any:
        if self._pages is None or request.method != "GET":
            reads = self._watch(request, view)
            response = view()
            # The dispatch of an async class-based view is a plain function that returns a coroutine.
            if inspect.isawaitable(response):
                return self._grant_awaited(response, reads)
            return self._permission.grant_when_rendered(response, reads)
        if _is_in_loop():
            # The view is async as well, and its caller awaits the result.
            return self.respond(request, view)
        page_store, lookup = self._pages.page_store(blocking=True), None
        if not is_bypassed():
            arguments = _arguments_of(request, view)
            lookup = run_inline(self._pages.lookup(page_store, django_request(request), arguments))
            if lookup.page is not None:
                return self._pages.respond(lookup.page)
        reads = self._watch(request, view)
        with track_dependencies() as collected:
            response = view()
            if needs_rendering(response):
                response = response.render()
        self._permission.grant(response, reads)
        # The page may show rows of an open transaction, which may be rolled back.
        if lookup is not None and not is_bypassed():
            made = self._pages.build(lookup, response, collected)
            if made is not None and not self._store_later(request, made, response):
                run_inline(self._pages.store(page_store, made, response))
        return restrict_edge(response)

    def _store_later(self, request: HttpRequest, made: MadePage, response: Any) -> bool:
        """Store the page when its response is closed, if middleware may add to its Vary. False for a direct call."""
        if self._pages is None or getattr(request, "resolver_match", None) is None:
            return False
        response._resource_closers.append(functools.partial(self._pages.store_at_close, made, response))
        return True

    def _watch(self, request: HttpRequest, view: Callable[[], Any]) -> RequestReads:
        reads = RequestReads(request, self._ignore_reads)
        if _has_own_setup(view):
            reads.names.add("setup of the view")
        return reads

    async def _grant_awaited(self, response: Any, reads: RequestReads) -> HttpResponseBase:
        return self._permission.grant_when_rendered(await response, reads)


def _has_own_setup(view: Any) -> bool:
    """Whether a class-based view, decorated behind its `setup`, may have looked at the request there."""
    while isinstance(view, functools.partial):
        view = view.func
    instance = getattr(view, "__self__", None)
    return isinstance(instance, ClassBasedView) and type(instance).setup is not ClassBasedView.setup


def _arguments_of(request: HttpRequest, view: Any) -> str:
    """The arguments of a view that its URL does not contain; "" for none."""
    match = getattr(request, "resolver_match", None)
    in_url = ((), {}) if match is None else (tuple(match.args), dict(match.kwargs))
    given = (view.args[1:], view.keywords) if isinstance(view, functools.partial) else ((), {})
    return "" if given in (in_url, ((), {})) else repr(given)


def _name_of(view: Any) -> str:
    view = getattr(view, "view_class", view)
    return f"{getattr(view, '__module__', '?')}.{getattr(view, '__qualname__', type(view).__qualname__)}"


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
