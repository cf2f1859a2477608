"""Answer plain hits from memory, without a task or I/O.

A plain hit is a GET or HEAD of a page that memory holds, fresh or being refreshed, from a client that sets no special
conditions. `ParsedRequest` holds what the rules find in a request apart from its URL; `WireImage` holds a page in the
form in which it is sent. Both are computed once and cached. Each hit then only checks that the two fit and that the
invalidation log agrees. In doubt the request goes through `Exchange`, which gives the same response.
"""

import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from ..entry import CachedValue, Verdict
from ..metrics.events import emit, listeners, notify, subscribers
from ..metrics.process_counts import HITS_PER_TIMED, process_counts
from .asgi import Send
from .in_flight import InFlight
from .normalization import normalize_query, port_of
from .origin import Origin
from .page import Page, VaryIndex, url_key, variant_key
from .page_store import StoredPage
from .representation import (
    EncodedHead,
    Representation,
    represent_stored,
)
from .request import ParsedRequest, Request, RequestCache, RequestFields, parse_request, weight_of
from .request_counter import COUNTED
from .wire_image import WireImage

_VALID = Verdict.VALID
_BETWEEN_TIMED = HITS_PER_TIMED - 1
# A path of these bytes becomes the end of its key unchanged.
PLAIN = (string.ascii_letters + string.digits + ":/@!$&'()*+,;=._~%-").encode()
# Longest header section that is cached, in bytes.
LONGEST_CACHED_SECTION = 4096
Served = Callable[[Page], None]
# The page, the head to send, and the time (Unix seconds).
Hit = tuple[WireImage, EncodedHead, float]


async def send_hit(hit: Hit, method: str, send: Send) -> None:
    image, encoded, now = hit
    headers = [*image.fields_at(now), *encoded.pairs]
    body = b"" if method == "HEAD" else encoded.body
    await send({"type": "http.response.start", "status": encoded.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class FastPath:
    def __init__(self, origin: Origin, in_flight: InFlight, served: Served | None) -> None:
        self.origin = origin
        self.in_flight = in_flight
        self.served = served
        self.parsed_requests: RequestCache[tuple[ParsedRequest | None]] = RequestCache()
        # Keys of variants, by request, URL key and Vary.
        self.variant_keys: RequestCache[str] = RequestCache()
        profile = origin.profile
        self._alters_query = (
            profile.sorts_parameters
            or profile.ignored_parameters is not None
            or profile.shared_parameters is not None
        )

    # --- the request ----------------------------------------------------------------------------------------

    def lookup_scope(self, scope: Any) -> Hit | None:
        """Look up the request of an ASGI scope."""
        method, path = scope["method"], scope.get("raw_path")
        if not path or path[:1] != b"/" or method not in ("GET", "HEAD"):
            return None
        parsed = self.parse(scope.get("scheme", "http"), scope["headers"], port_of(scope))
        if parsed is None:
            return None
        query = scope.get("query_string")
        key = self.key_of(parsed, path + b"?" + query if query else path)
        hit = self.lookup(parsed, key, method == "HEAD")
        if hit is not None and (counted := scope.get(COUNTED)) is not None:
            counted.is_plain_hit = True
        return hit

    def parse(self, scheme: str, headers: Sequence[Any], port: int | None) -> ParsedRequest | None:
        try:
            remembered = self.parsed_requests.get((scheme, port, *headers))
        except TypeError:
            # Some servers send the pairs as lists, which cannot be hashed.
            remembered = None
        return (remembered or self._parse_and_cache(scheme, headers, port))[0]

    def _parse_and_cache(self, scheme: str, headers: Sequence[Any], port: int | None) -> tuple[ParsedRequest | None]:
        pairs = tuple((bytes(name), bytes(value)) for name, value in headers)
        parsed = parse_request(scheme, RequestFields(pairs), self.origin.profile, port)
        if sum(len(name) + len(value) for name, value in pairs) <= LONGEST_CACHED_SECTION:
            self.parsed_requests.add((scheme, port, *pairs), (parsed,), weight_of(pairs))
        return (parsed,)

    # --- the page ---------------------------------------------------------------------------------------------

    def lookup(self, parsed: ParsedRequest, key: str, is_head: bool = False) -> Hit | None:
        """Look up a page in memory, and count the hit."""
        tiers = self.origin.engine.tiers
        cached = tiers.peek(key)
        if cached is None or cached.verdict is not _VALID or not tiers.tag_index.is_heard:
            return None
        image = cached.derived
        if image is None:
            if isinstance(cached.value, VaryIndex):
                return self._lookup_variant(cached.value, parsed, key, is_head)
            if not isinstance(cached.value, Page):
                return None
            image = self._build_image(key, cached.value, cached)
        now = tiers.clock()
        is_stale = now >= image.until
        if is_stale and (now >= image.stale_until or not self.in_flight.is_fetching(image.key)):
            return None
        if (encoded := image.head_for(parsed)) is None:
            return None
        # Counted before it is written: a killed process has counted each response that a client got whole.
        if is_stale:
            process_counts.counters[encoded.place + 1] += 1
            self.origin.count_read(image.page)
            emit("stale", "page", image.key, tier="memory")
        else:
            counters = process_counts.counters
            counters[encoded.place] = count = counters[encoded.place] + 1
            if not count & _BETWEEN_TIMED:
                process_counts.is_due = True
            cached.reads += 1
            if subscribers or listeners.get():
                notify("hit", "page", image.key, tier="memory")
        if self.served is not None and not is_head and not parsed.is_prefetch:
            self.served(image.page)
        if image.started_codings is not None and parsed.codings:
            self.origin.codings.start(cached, image, parsed.codings[0])
        return image, encoded, now

    def _lookup_variant(self, index: VaryIndex, parsed: ParsedRequest, key: str, is_head: bool) -> Hit | None:
        """Look up the variant that this request selects by the newest Vary."""
        lookup_key = (parsed, key, index.vary)
        store_key = self.variant_keys.get(lookup_key)
        if store_key is None:
            store_key = variant_key(index.url, index.vary[0], parsed.fields)
            self.variant_keys.add(lookup_key, store_key, parsed.weight + len(key) + len(store_key))
        return self.lookup(parsed, store_key, is_head)

    def key_of(self, parsed: ParsedRequest, target: bytes) -> str:
        """The key of a URL, equal to `Request.key`, in fewer steps for plain URLs.

        "", which is nobody's key, if the client identifies itself and the page may differ by client (I8).
        """
        if len(target) <= parsed.longest_plain_target and not target.translate(None, PLAIN):
            return parsed.key_prefix + target.decode("ascii")
        path, _, query = target.partition(b"?")
        if parsed.is_personal or (query and self._alters_query):
            profile = self.origin.profile
            parameters = profile.parameters_of(unquote(path.decode("latin-1")))
            if parsed.is_personal and parameters is None:
                return ""
            query = normalize_query(query, profile, parameters) if query else query
        return url_key(parsed.origin + (path + b"?" + query if query else path).decode("latin-1"))

    def _build_image(self, key: str, page: Page, cached: CachedValue) -> WireImage:
        origin = self.origin
        image = cached.derived = WireImage.of(key, page, origin.profile, cached.header.tags, origin.clock())
        origin.page_store.resize(key, cached)
        return image

    def representations_of(
        self, page: Page, request: Request, stored: StoredPage | None, tags: Iterable[str]
    ) -> Mapping[str, Representation]:
        """The representations that exist of a page, by coding, for a response that is no plain hit."""
        if stored is None or stored.tier != "memory":
            return represent_stored(page, self.origin.profile, tags, self.origin.clock())
        cached = stored.cached
        image: WireImage | None = cached.derived
        if image is None or self.origin.clock() >= image.ends_at:
            image = self._build_image(stored.key, page, cached)
        for coding in request.fields.choose_codings(self.origin.profile.codings)[:1]:
            self.origin.codings.start(cached, image, coding)
        return image.representations

    def count_served(self, request: Request, page: Page) -> None:
        """Call `served` with a page that is sent, and is no plain hit."""
        if self.served is not None and request.method == "GET" and not request.fields.is_prefetch:
            self.served(page)
