"""Store a view's pages in a cache of its own, as `cache_page(cache="alias")` asks for."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from ..dependencies import Dependencies
from ..engine import Engine
from ..engines import engine_of
from ..entry import Stamp, Verdict
from ..recording_request import header_fields
from ..request_reads import ambient_key
from .incoming_response import CompleteResponse, build_page
from .page import Page
from .page_store import PageStore, tags_of_page
from .permission import restrict_edge
from .profile import Profile
from .request import Request
from .rules.directives import response_directives
from .rules.fields import Fields
from .rules.storing import refusal_reason
from .rules.variants import variant_key, vary_of

_PROFILE = Profile(explicit_only=True, stores_cookies=False)


class ViewLookup:
    """The result of a lookup. Without a page: `begun` is the log's position before the view is called."""

    __slots__ = ("begun", "key", "page", "request")

    def __init__(self, request: Request, key: str, page: Page | None, begun: Stamp | None) -> None:
        self.request = request
        self.key = key
        self.page = page
        self.begun = begun


class ViewPages:
    """The stored pages of one view."""

    def __init__(self, view_name: str, cache: str, tags: tuple[str, ...], vary: tuple[str, ...]) -> None:
        self._view_name = view_name
        self._cache = cache
        self._tags = tags
        self._vary_names = tuple(name.lower() for name in vary)

    def page_store(self, *, blocking: bool = False) -> PageStore:
        """`blocking`: for threads without an event loop, whose coroutines run_inline runs."""
        engine = engine_of(self._cache)
        # It has what lookup, begin and store need.
        return PageStore(cast(Engine, engine.sync) if blocking else engine)

    async def lookup(self, page_store: PageStore, request: HttpRequest, arguments: str) -> ViewLookup:
        """Look up a fresh page. `arguments`: those of the view that its URL does not contain."""
        parsed = _parse_request(request)
        place = f"view:{self._view_name}:{arguments}:{ambient_key()}"
        key = variant_key(f"{place}:{parsed.url}", self._vary_names, parsed.fields)
        stored, now = await page_store.lookup(key), page_store.engine.clock()
        page = (
            stored.value if stored is not None and stored.verdict is Verdict.VALID and page_store.is_heard else None
        )
        if isinstance(page, Page) and now < page.fresh_until:
            return ViewLookup(parsed, key, page, None)
        return ViewLookup(parsed, key, None, await page_store.begin())

    def respond(self, page: Page) -> HttpResponse:
        """The response with a stored page."""
        response = HttpResponse(page.body, status=page.status)
        del response["Content-Type"]
        for name, value in page.pairs:
            response[name.decode("latin-1")] = value.decode("latin-1")
        # The edge counts the age of the page from here.
        response["Age"] = str(int(page.age(engine_of(self._cache).clock())))
        restrict_edge(response)
        return response

    async def store(
        self, page_store: PageStore, lookup: ViewLookup, response: HttpResponseBase, collected: Dependencies
    ) -> None:
        """Store the response of the view, if it may be stored."""
        if not isinstance(response, HttpResponse) or collected.stale or collected.private:
            return
        request, fields = lookup.request, _fields_of(response)
        names = vary_of(fields)
        if names is None or not set(names) <= set(self._vary_names):
            return
        now = page_store.engine.clock()
        directives, _ = response_directives(fields, _PROFILE.targeted)
        # no-cache demands validation, which is impossible here.
        if (
            "no-cache" in directives
            or refusal_reason(request, response.status_code, fields, directives, _PROFILE) is not None
        ):
            return
        complete = CompleteResponse(request, response.status_code, fields, response.content)
        page, times = build_page(complete, now, now, now, collected, _PROFILE)
        tags = {*tags_of_page(request), *collected.tags, *self._tags}
        await page_store.store(lookup.key, page, tags, lookup.begun, times)


def _parse_request(request: HttpRequest) -> Request:
    """The request as the edge would see it."""
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
