"""Store a view's pages in a cache of its own, as `cache_page(cache="alias")` asks for."""

from typing import NamedTuple, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from ..dependencies import Dependencies
from ..engine import Engine
from ..engines import engine_of
from ..entry import Stamp, Verdict
from ..lasting_loop import run_inline
from ..recording_request import header_fields
from ..request_reads import ambient_key
from .incoming_response import CompleteResponse, build_page
from .page import Page, Times, VaryIndex, variant_key
from .page_store import MOST_VARIES, PageStore, tags_of_page
from .permission import restrict_edge
from .profile import Profile
from .request import Request
from .rules.directives import response_directives
from .rules.fields import Fields
from .rules.storing import refusal_reason
from .rules.variants import vary_of

_PROFILE = Profile(explicit_only=True, stores_cookies=False)


class ViewLookup:
    """The result of a lookup. Without a page: `begun` is the log's position before the view is called."""

    __slots__ = ("begun", "page", "place", "request")

    def __init__(self, request: Request, place: str, page: Page | None, begun: Stamp | None) -> None:
        self.request = request
        self.place = place
        self.page = page
        self.begun = begun


class MadePage(NamedTuple):
    """A page that a view has made, before middleware has added to its response."""

    lookup: ViewLookup
    page: Page
    tags: set[str]
    times: Times


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
        place = f"view:{self._view_name}:{arguments}:{ambient_key()}:{_language_of(request)}:{parsed.url}"
        page = await self._find(page_store, parsed, place)
        return ViewLookup(parsed, place, page, None if page is not None else await page_store.begin())

    async def _find(self, page_store: PageStore, request: Request, place: str) -> Page | None:
        """The page of that place, or its variant for this request, if it is fresh."""
        stored = await page_store.lookup(self._key(place, (), request))
        if stored is not None and isinstance(stored.value, VaryIndex):
            for names in stored.value.vary:
                stored = await page_store.lookup(self._key(place, names, request))
                if stored is not None:
                    break
        if stored is None or stored.verdict is not Verdict.VALID or not page_store.is_heard:
            return None
        page = stored.value
        return page if isinstance(page, Page) and page_store.engine.clock() < page.fresh_until else None

    def _key(self, place: str, added: tuple[str, ...], request: Request) -> str:
        """`added`: names in Vary beside those of the decorator."""
        return variant_key(place, {*self._vary_names, *added}, request.fields)

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

    def build(self, lookup: ViewLookup, response: HttpResponseBase, collected: Dependencies) -> MadePage | None:
        """The page of a response as the view has made it. None if it may not be stored."""
        if not isinstance(response, HttpResponse) or collected.private:
            return None
        if collected.stale or collected.weakly_stale:
            return None
        request, fields = lookup.request, _fields_of(response)
        names = vary_of(fields)
        if names is None or not set(names) <= set(self._vary_names):
            return None
        now = engine_of(self._cache).clock()
        directives, _ = response_directives(fields, _PROFILE.targeted)
        # no-cache demands validation, which is impossible here.
        if (
            "no-cache" in directives
            or refusal_reason(request, response.status_code, fields, directives, _PROFILE) is not None
        ):
            return None
        complete = CompleteResponse(request, response.status_code, fields, response.content)
        page, times = build_page(complete, now, now, now, collected, _PROFILE)
        return MadePage(lookup, page, {*tags_of_page(request), *collected.tags, *self._tags}, times)

    def store_at_close(self, made: MadePage, response: HttpResponse) -> None:
        """Store a page when its response is closed: middleware has added its Vary by then, and the reader has it.

        The field names that were added are listed in an index under the key without them.
        """
        run_inline(self.store(self.page_store(blocking=True), made, response))

    async def store(self, page_store: PageStore, made: MadePage, response: HttpResponse) -> None:
        """Store a page by the names in its response's Vary. One that varies on everything is not stored."""
        vary = response.get("Vary", "").encode("latin-1", "replace")
        lookup, names = made.lookup, vary_of(Fields([(b"vary", vary)]))
        if names is None:
            return
        added = tuple(name for name in names if name not in self._vary_names and not _is_in_place(name))
        key = self._key(lookup.place, (), lookup.request)
        stored = await page_store.lookup(key)
        known = stored.value.vary if stored is not None and isinstance(stored.value, VaryIndex) else ()
        if not added and known:
            # An earlier response varied on these names, so this one is stored under them as well.
            added = known[0]
        if added:
            index = VaryIndex((added, *(each for each in known if each != added))[:MOST_VARIES], lookup.request.url)
            await page_store.store(key, index, [lookup.request.tag], lookup.begun, made.times)
            key = self._key(lookup.place, added, lookup.request)
        await page_store.store(key, made.page, made.tags, lookup.begun, made.times)


def _is_in_place(name: str) -> bool:
    """Whether the place names what that field decides: LocaleMiddleware adds Accept-Language for a language."""
    return name == "accept-language" and settings.USE_I18N


def _language_of(request: HttpRequest) -> str:
    """The language that middleware has chosen for the request, which Django's own keys name too."""
    return str(vars(request).get("LANGUAGE_CODE", "")) if settings.USE_I18N else ""


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
