"""Answer plain hits directly from uvicorn's connection, without a task or an ASGI call.

Use it as `uvicorn.Config(http="content.caching.edge.protocol:EdgeProtocol")`; `manage.py serve` does. A request that
arrives whole, while no other is open, is looked up in `FastPath`, like in EdgeCache. Its header section is parsed by
uvicorn's parser, and the result is cached. All other requests take uvicorn's normal path unchanged.

Middleware around EdgeCache does not run for plain hits, except for proxy headers.
"""

import asyncio
import math
import sys
from time import perf_counter_ns
from typing import Any, ClassVar
from urllib.parse import quote, unquote
from weakref import WeakKeyDictionary

from uvicorn import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ..metrics.process_counts import process_counts
from .asgi import find_middleware
from .cache import EdgeCache
from .connection import (
    LARGEST_HEAD,
    MOST_FIELDS,
    MOST_WAITING,
    BoundedProtocol,
    Defaults,
    FlowControl,
    Forwarding,
    HeaderParser,
    HeaderSection,
    HitCandidate,
    SharedCaches,
)
from .fast_path import LONGEST_CACHED_SECTION, PLAIN, FastPath, Hit
from .representation import DatedHead
from .request import RequestFields, parse_request
from .response_cycle import has_date
from .turns import MOST_AT_ONCE, Turns, end_of_heads

# Longest request that is cached as a whole, in bytes.
_LONGEST_CANDIDATE = 512
# CPython with CVE-2024-12254: asyncio's `writelines` buffers without bound for a client that does not read.
_HAS_CVE_2024_12254 = (3, 12) <= sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2)
# Bodies from this size on are written beside the head instead of being copied behind it (bytes).
_COPIED = math.inf if _HAS_CVE_2024_12254 else 32 * 1024
_LENGTH_OF_VERSION = len(b" HTTP/1.1\r\n")


class EdgeProtocol(BoundedProtocol):
    __slots__ = (
        "_forwarding",
        "_held",
        "_is_new_section",
        "_port",
        "_turns",
        "_was_in_message",
        "fast_path",
        "shared_caches",
    )
    # The keys are the EdgeCache's fast path, then scheme, port and trust.
    caches_by_fast_path: ClassVar[WeakKeyDictionary[FastPath, dict[Any, SharedCaches]]] = WeakKeyDictionary()
    forwarding_by_config: ClassVar[WeakKeyDictionary[Config, Forwarding]] = WeakKeyDictionary()
    turns_by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Turns]] = WeakKeyDictionary()
    fast_path: FastPath | None
    flow: FlowControl

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        edge = find_middleware(self.config.loaded_app, EdgeCache)
        self.fast_path = edge.fast_path if edge is not None and not self.root_path else None
        self._forwarding = self._shared_forwarding()
        self.shared_caches = SharedCaches()
        self._port: int | None = None
        self._turns = self.turns_by_loop.setdefault(self.loop, Turns())
        # Data that was read and waits for this connection's next turn, and whether a message was open before it.
        self._held, self._was_in_message = b"", False
        self._is_new_section = False

    def _shared_forwarding(self) -> Forwarding:
        shared, config = self.forwarding_by_config, self.config
        if config not in shared:
            shared[config] = Forwarding(find_middleware(config.loaded_app, ProxyHeadersMiddleware))
        return shared[config]

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.fast_path is not None:
            caches = self.caches_by_fast_path.setdefault(self.fast_path, {})
            self._port = self.server[1] if self.server else None
            peers = (self.scheme, self._port, self._forwarding.trusts(self.client))
            self.shared_caches = caches.setdefault(peers, SharedCaches())

    def data_received(self, data: bytes) -> None:
        done = self._serve_hits(data) if self.fast_path is not None else 0
        if done == len(data):
            self.idle_since = self.loop.time()
            return
        self._receive_rest(data[done:] if done else data)

    def _receive_rest(self, data: bytes) -> None:
        """Pass data to uvicorn's parser, a few requests in each turn."""
        if self._held:
            self._held += data
            return
        end = end_of_heads(data, MOST_AT_ONCE)
        super().data_received(data[:end] if end < len(data) else data)
        if end < len(data):
            self._hold(data[end:])

    def _hold(self, data: bytes) -> None:
        """Keep data until this connection's next turn, and read no more until then."""
        if self.transport.is_closing() or self not in self.connections:
            # The rest of a connection that ends, or has become a WebSocket.
            return
        # The fast path serves only between messages, and a connection with held data is not between messages.
        self._held, self._was_in_message, self._is_in_message = data, self._is_in_message, True
        self.flow.is_held = True
        self.flow.pause_reading()
        self._turns.add(self, self.loop)

    def take_turn(self) -> None:
        if not self._held:
            return
        data, self._held, self._is_in_message = self._held, b"", self._was_in_message
        self.flow.is_held = False
        if self.transport.is_closing():
            return
        if len(self.pipeline) > MOST_WAITING:
            # `on_response_complete` continues.
            self._held, self._is_in_message, self.flow.is_held = data, True, True
            return
        self.data_received(data)
        if not self.flow.is_held and not self.pipeline:
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._held and len(self.pipeline) == MOST_WAITING:
            self._turns.add(self, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._held = b""
        super().connection_lost(exc)

    def _serve_hits(self, data: bytes) -> int:
        """Answer plain hits from the start of `data`. Returns how many bytes they took."""
        candidates = self.shared_caches.candidates
        candidate = candidates.young.get(data) or candidates.get(data)
        if candidate is not None:
            began = perf_counter_ns() if process_counts.is_due else 0
            return len(data) if self.is_between_messages() and self._serve(candidate, began) else 0
        start, left = 0, self._turns.share
        while start < len(data) and self.is_between_messages():
            if not left:
                self._hold(data[start:])
                return len(data)
            left -= 1
            ends = data.find(b"\r\n\r\n", start) + 4
            if ends < 4:
                break
            began = perf_counter_ns()
            request = data[start:ends] if start or ends < len(data) else data
            candidate = self._parse_candidate(request)
            if candidate is None or not self._serve(candidate, began, request):
                break
            start = ends
        return start

    def is_between_messages(self) -> bool:
        """No request is open, no response is due, and the connection accepts writes."""
        cycle = self.cycle
        # Repeats `_is_idle` without the call: every hit runs this.
        if self._is_in_message or self.pipeline or (cycle is not None and not cycle.response_complete):
            return False
        if self._is_shutting_down or self.flow.write_paused:
            return False
        limit = self.limit_concurrency
        if limit is not None and (len(self.connections) >= limit or len(self.tasks) >= limit):
            return False
        return not self.transport.is_closing()

    def _parse_candidate(self, request: bytes) -> HitCandidate | None:
        """None if the request needs a parser or the full rules."""
        begins = 4 if request.startswith(b"GET /") else 5 if request.startswith(b"HEAD /") else 0
        ends = request.find(b" HTTP/1.1\r\n")
        if not begins or ends < 0 or len(request) > LARGEST_HEAD:
            return None
        target = request[begins:ends]
        unusual = target.translate(None, PLAIN)
        if unusual.strip(b"?") or target[1:2] == b"/":
            return None
        raw_section = request[ends + _LENGTH_OF_VERSION :]
        section = self.shared_caches.sections.get(raw_section)
        self._is_new_section = section is None
        section = section or self._cache_section(raw_section)
        parsed = section.parsed
        if parsed is None or self.fast_path is None:
            return None
        if not unusual and len(target) <= parsed.longest_plain_target:
            key = parsed.key_prefix + target.decode("ascii")
        else:
            key = self.fast_path.key_of(parsed, target)
        return section, parsed, key, begins == 5, request[:ends]

    def _serve(self, candidate: HitCandidate, began: int, request: bytes | None = None) -> bool:
        """Answer a candidate if it is a hit. `request`: its bytes, to be cached once its page is hot.

        `began`: `perf_counter_ns` before, 0 for a hit that is not timed.
        A request with a new header section is not cached: a flood of made-up ones would fill the cache.
        """
        section, parsed, key, is_head, request_line = candidate
        if self.fast_path is None or (hit := self.fast_path.lookup(parsed, key, is_head)) is None:
            return False
        if request is not None and self._is_worth_caching(request, hit):
            self.shared_caches.candidates.add(request, candidate, parsed.weight + 2 * len(request) + len(key))
        self._write_hit(hit, is_head)
        if began:
            process_counts.time_hit(perf_counter_ns() - began, is_repeated=request is None)
        if self.access_log:
            self._log_access(section, request_line, hit[1].status)
        return True

    def _is_worth_caching(self, request: bytes, hit: Hit) -> bool:
        return hit[1].dated is not None and not self._is_new_section and len(request) <= _LONGEST_CANDIDATE

    def _cache_section(self, raw_section: bytes) -> HeaderSection:
        section = self._parse_section(raw_section)
        if len(raw_section) <= LONGEST_CACHED_SECTION:
            weight = section.parsed.weight if section.parsed is not None else 0
            self.shared_caches.sections.add(raw_section, section, weight + len(raw_section))
        return section

    def _parse_section(self, raw_section: bytes) -> HeaderSection:
        parser = HeaderParser(raw_section)
        if not parser.is_plain or self.fast_path is None or len(parser.pairs) > MOST_FIELDS:
            return HeaderSection(None)
        scope = {"type": "http", "client": self.client, "scheme": self.scheme, "headers": parser.pairs}
        self._forwarding.apply(scope)
        fields, profile = RequestFields.of(tuple(parser.pairs)), self.fast_path.origin.profile
        parsed = parse_request(str(scope["scheme"]), fields, profile, self._port)
        return HeaderSection(parsed, scope["client"] if scope["client"] != self.client else None)

    def _write_hit(self, hit: Hit, is_head: bool) -> None:
        encoded, now = hit[1], hit[2]
        state = self.server_state
        dated, defaults = encoded.dated, state.default_headers
        if dated is not None and now < dated.until and dated.defaults is defaults:
            head = dated.head
        else:
            head = self._encode_head(hit, defaults)
        body = encoded.body
        if is_head or not body:
            self.transport.write(head)
        elif len(body) < _COPIED:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        state.total_requests += 1

    def _encode_head(self, hit: Hit, defaults: Defaults) -> bytes:
        """Encode a head, the changing fields first. The second request within a second caches the encoded head."""
        image, encoded, now = hit
        age, left = now - image.age_from, image.fresh_until - now
        head = b"%b%bage: %d\r\ncache-status: %b%d%b" % (
            STATUS_LINE[encoded.status],
            self.shared_caches.encode_defaults(defaults),
            max(age, image.initial_age),
            image.before,
            math.floor(left),
            encoded.tail or encoded.encode_tail(image.after, with_date=not has_date(defaults)),
        )
        if encoded.last_defaults is defaults:
            # The image is right until the age or the remaining time changes by a second.
            encoded.dated = DatedHead(head, now + min(1 - age % 1, left % 1), defaults)
        else:
            encoded.last_defaults, encoded.dated = defaults, None
        return head

    def _log_access(self, section: HeaderSection, request_line: bytes, status: int) -> None:
        client = section.client or self.client
        name = f"{client[0]}:{client[1]}" if client else ""
        method, target = request_line.decode("ascii").split(" ")
        self.access_logger.info('%s - "%s %s HTTP/%s" %d', name, method, _quote_target(target), "1.1", status)


def _quote_target(target: str) -> str:
    """Decode and quote the path again, as uvicorn logs it."""
    path, _, query = target.partition("?")
    return quote(unquote(path)) + ("?" + query if query else "")
