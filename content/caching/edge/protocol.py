"""uvicorn's HTTP protocol, with plain hits answered from the connection: no task, no ASGI call.

For `uvicorn.Config(http="content.caching.edge.protocol:EdgeProtocol")`; `manage.py serve` has it. A request that
comes whole, between two others, is looked up by `Hits`, as EdgeCache itself does; its header section was read before,
or is read now by the same parser as any other. Everything else goes uvicorn's way, unaltered.

What stands around EdgeCache in the application is not asked for plain hits, but for proxy headers, which are obeyed.
"""

import math
from typing import Any, ClassVar
from urllib.parse import quote, unquote
from weakref import WeakKeyDictionary

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from content.caching.edge.asking import asking_of
from content.caching.edge.cache import EdgeCache
from content.caching.edge.form import Moment
from content.caching.edge.hits import LONGEST_KNOWN, PLAIN, Hit, Hits
from content.caching.edge.patience import Patience
from content.caching.edge.rules.fields import Fields
from content.caching.edge.section import Forwarding, Section
from content.caching.edge.wishes import Defaults, Reader, Way, Wish
from content.caching.edge.within import within

# Seconds that a client may take for one head; that a quiet connection stays open when the server ends: who asks in
# them is told to close.
HEAD_SECONDS, LAST_SECONDS = 20.0, 1.0
# Bounds of a head: bytes, and fields.
LARGEST_HEAD, MOST_FIELDS = 64 * 1024, 256
# Whole requests of up to so many bytes are remembered.
LONGEST_WISH = 512
# From here on a body is handed over beside its head, not copied behind it.
COPIED = 32 * 1024
LENGTH_OF_VERSION = len(b" HTTP/1.1\r\n")
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class EdgeProtocol(HttpToolsProtocol):
    # By EdgeCache, and for each by scheme and trust.
    ways: ClassVar[WeakKeyDictionary[Hits, dict[Any, Way]]] = WeakKeyDictionary()
    hits: Hits | None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        edge = within(self.config.loaded_app, EdgeCache)
        self.hits = edge.hits if edge is not None and not self.root_path else None
        self.forwarding = Forwarding(within(self.config.loaded_app, ProxyHeadersMiddleware))
        self.way = Way()
        self.is_in_message = self.is_ending = self.is_too_large = False
        self.head_began: float | None = None
        # Bytes of the head that has begun, and of the last body in what has just come.
        self.head_size = self.body_received = 0
        self.quiet_since = self.loop.time()
        # That is answered now: of a pipeline `cycle` is the last.
        self.under_way: RequestResponseCycle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = Patience(transport, self.pipeline)
        if self.hits is not None:
            ways = self.ways.setdefault(self.hits, {})
            self.way = ways.setdefault((self.scheme, self.forwarding.trusts(self.client)), Way())
        self.quiet_since = self.loop.time()
        self.wait(self.timeout_keep_alive)

    # --- plain hits -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        done = self.answered(data) if self.hits is not None else 0
        if done == len(data):
            self.quiet_since = self.loop.time()
            return
        self.body_received = 0
        super().data_received(data[done:] if done else data)
        self.watch_head(data)

    def answered(self, data: bytes) -> int:
        """Bytes of whole requests that were plain hits, from the beginning on."""
        wish = self.way.wishes.get(data)
        if wish is not None:
            return len(data) if self.is_between_messages() and self.answers(wish) else 0
        start = 0
        while start < len(data) and self.is_between_messages():
            ends = data.find(b"\r\n\r\n", start) + 4
            if ends < 4:
                break
            request = data[start:ends] if start or ends < len(data) else data
            wish = self.wish(request)
            if wish is None or not self.answers(wish, request):
                break
            start = ends
        return start

    def is_between_messages(self) -> bool:
        """Nothing begun, nothing owed, and room to write."""
        cycle = self.cycle
        # As `is_quiet` has it, in place: every hit asks.
        if self.is_in_message or self.pipeline or (cycle is not None and not cycle.response_complete):
            return False
        if self.is_ending or self.flow.write_paused:
            return False
        limit = self.limit_concurrency
        if limit is not None and (len(self.connections) >= limit or len(self.tasks) >= limit):
            return False
        return not self.transport.is_closing()

    def is_quiet(self) -> bool:
        return not (self.is_in_message or self.pipeline or self.is_owing())

    def is_owing(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def wish(self, request: bytes) -> Wish | None:
        """None for what takes a parser, or more thought."""
        begins = 4 if request.startswith(b"GET /") else 5 if request.startswith(b"HEAD /") else 0
        ends = request.find(b" HTTP/1.1\r\n")
        if not begins or ends < 0 or len(request) > LARGEST_HEAD:
            return None
        target = request[begins:ends]
        odd = target.translate(None, PLAIN)
        if odd.strip(b"?") or target[1:2] == b"/":
            return None
        section = request[ends + LENGTH_OF_VERSION :]
        reader = self.way.sections.get(section) or self.learnt(section)
        asking = reader.asking
        if asking is None or self.hits is None:
            return None
        if not odd and len(target) <= asking.room:
            key = asking.key_begins + target.decode("ascii")
        else:
            key = self.hits.key_of(asking, target)
        return reader, asking, key, begins == 5, request[:ends]

    def answers(self, wish: Wish, request: bytes | None = None) -> bool:
        """`request`: as it came, if it is not known yet; who asks for what is hot by then will be."""
        reader, asking, key, is_head, line = wish
        if self.hits is None or (hit := self.hits.found(asking, key, is_head=is_head)) is None:
            return False
        if request is not None and hit[1].moment is not None and len(request) <= LONGEST_WISH:
            self.way.wishes.learn(request, wish, asking.weight + 2 * len(request) + len(key))
        self.write(hit, is_head)
        if self.access_log:
            self.log(reader, line, hit[1].status)
        return True

    def learnt(self, section: bytes) -> Reader:
        reader = self.read(section)
        if len(section) <= LONGEST_KNOWN:
            weight = reader.asking.weight if reader.asking is not None else 0
            self.way.sections.learn(section, reader, weight + len(section))
        return reader

    def read(self, section: bytes) -> Reader:
        found = Section(section)
        if not found.is_plain or self.hits is None or len(found.pairs) > MOST_FIELDS:
            return Reader(None)
        scope = {"type": "http", "client": self.client, "scheme": self.scheme, "headers": found.pairs}
        self.forwarding.applied(scope)
        asking = asking_of(str(scope["scheme"]), Fields.of(tuple(found.pairs)), self.hits.edge.profile)
        return Reader(asking, scope["client"] if scope["client"] != self.client else None)

    def write(self, hit: Hit, is_head: bool) -> None:
        lines, now = hit[1], hit[2]
        state = self.server_state
        moment, defaults = lines.moment, state.default_headers
        if moment is not None and now < moment.until and moment.defaults is defaults:
            head = moment.head
        else:
            head = self.head(hit, defaults)
        body = lines.body
        if is_head or not body:
            self.transport.write(head)
        elif len(body) < COPIED:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        state.total_requests += 1

    def head(self, hit: Hit, defaults: Defaults) -> bytes:
        """What changes with time stands first. Whoever is the second to ask in a second leaves it for the third."""
        ready, lines, now = hit
        age, left = now - ready.age_from, ready.fresh_until - now
        head = b"%b%bage: %d\r\ncache-status: %b%d%b" % (
            STATUS_LINE[lines.status],
            self.way.written(defaults),
            max(age, ready.initial_age),
            ready.before,
            math.floor(left),
            lines.rest or lines.ended(ready.after),
        )
        if lines.seen is defaults:
            # Its age, or the time that is left, is another then.
            lines.moment = Moment(head, now + min(1 - age % 1, left % 1), defaults)
        else:
            lines.seen, lines.moment = defaults, None
        return head

    def log(self, reader: Reader, line: bytes, status: int) -> None:
        client = reader.client or self.client
        name = f"{client[0]}:{client[1]}" if client else ""
        method, target = line.decode("ascii").split(" ")
        self.access_logger.info('%s - "%s %s HTTP/%s" %d', name, method, shown(target), "1.1", status)

    # --- limits -----------------------------------------------------------------------------------------------

    def watch_head(self, data: bytes) -> None:
        """Of a head that has begun: for how long, and how much; without what ended before it in the same bytes."""
        if self.transport.is_closing():
            return
        if self.head_began is None:
            # Empty lines begin nothing, and have stopped the timer. Who became a WebSocket is no longer ours.
            if self.timeout_keep_alive_task is None and self.is_quiet() and self in self.connections:
                self.wait(self.timeout_keep_alive)
            return
        blank = data.rfind(b"\r\n\r\n")
        begin = 0 if blank < 0 else blank + 4 + self.body_received
        self.head_size += max(0, len(data) - begin)
        if self.head_size > LARGEST_HEAD:
            self.refuse_head()
        elif self.timeout_keep_alive_task is None:
            self.wait(HEAD_SECONDS)

    def wait(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Plain hits do not touch the timer: it looks itself whether anything has come since."""
        self.timeout_keep_alive_task = None
        if self.is_owing():
            # An answer is owed, and not cut off: behind it there is another timer.
            return
        if self.head_began is not None:
            left = self.head_began + HEAD_SECONDS - self.loop.time()
        else:
            left = self.quiet_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.wait(left)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        self.is_in_message, self.head_began, self.head_size = True, self.loop.time(), 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.head_began, self.body_received = None, 0
        if len(self.headers) > MOST_FIELDS or len(self.url) + sum(map(len_of_field, self.headers)) > LARGEST_HEAD:
            self.is_too_large = True
            raise ValueError("a head past all bounds")
        super().on_headers_complete()
        if self.is_ending and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self.body_received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.is_in_message = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self.is_too_large:
            self.refuse_head()
        else:
            super().send_400_response(msg)

    def refuse_head(self) -> None:
        self.transport.write(TOO_LARGE)
        self.transport.close()

    # --- the end ----------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.under_way = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Of a pipeline uvicorn tells the last request alone, and after a reset it leaves the timer."""
        if self.under_way is not None and not self.under_way.response_complete:
            self.under_way.disconnected = True
            self.under_way.message_event.set()
        super().connection_lost(exc)
        self.pipeline.clear()
        self._unset_keepalive_if_required()

    def on_response_complete(self) -> None:
        self.quiet_since = self.loop.time()
        if self.head_began is not None:
            # It was not read while an answer was owed.
            self.head_began = self.quiet_since
        super().on_response_complete()

    def shutdown(self) -> None:
        """Who has nothing under way may just be sending the next: that is answered, with the word to close."""
        self.is_ending = True
        if self.is_owing():
            super().shutdown()
        else:
            self.loop.call_later(LAST_SECONDS, self.close_if_quiet)

    def close_if_quiet(self) -> None:
        if not self.is_owing():
            self.transport.close()


def shown(target: str) -> str:
    """As uvicorn logs it: read, and quoted anew."""
    path, _, query = target.partition("?")
    return quote(unquote(path)) + ("?" + query if query else "")


def len_of_field(field: tuple[bytes, bytes]) -> int:
    return len(field[0]) + len(field[1]) + 4
