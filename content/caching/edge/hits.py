"""Plain hits: what memory has, fresh or being made again, for a request that wants nothing else. No task, no I/O,
nothing to wait for.

All that can be known of a request without its URL, and of a page without its reader, is worked out once by the rules,
and kept: `Asking`, `Ready`. What is left for each hit is whether the two, and the log, agree. In doubt there is none,
and the request goes the long way (`Exchange`), which answers the same in the same words.
"""

import string
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from content.caching.answer import Answer
from content.caching.edge.asking import Asking, asking_of
from content.caching.edge.encoder import Encoder, level_of
from content.caching.edge.form import Form, Lines, coded_form, plain_form
from content.caching.edge.known import Known, weight_of
from content.caching.edge.ready import Ready
from content.caching.edge.request import Request
from content.caching.edge.requesting import query_of
from content.caching.edge.rules.coding import accepted
from content.caching.edge.rules.fields import Fields
from content.caching.edge.rules.keys import url_key, variant_key
from content.caching.edge.shelf import Held, size_of
from content.caching.edge.stored import Fork, Page
from content.caching.entry import Verdict
from content.caching.events import listeners, record, subscribers, tell
from content.caching.tally import tally_of

if TYPE_CHECKING:
    from content.caching.edge.cache import EdgeCache

VALID = Verdict.VALID
TALLY = tally_of("page")
# What a path may consist of to be the end of its key as it is.
PLAIN = (string.ascii_letters + string.digits + ":/@!$&'()*+,;=._~%-").encode()
# Header sections of up to so many bytes are remembered.
LONGEST_KNOWN = 4096
# Hits after which a page is coded once more, as well as it can be.
HOT = 100

# What of which page, at what time (Unix seconds).
Hit = tuple[Ready, Lines, float]


class Hits:
    def __init__(self, edge: "EdgeCache") -> None:
        self.edge = edge
        self.encoder = Encoder()
        self.known: Known[tuple[Asking | None]] = Known()
        # Keys of variants, by who asks at which fork.
        self.places: Known[str] = Known()
        profile = edge.profile
        self.alters_query = profile.sorts_parameters or profile.ignored_parameters is not None

    # --- the request ----------------------------------------------------------------------------------------

    def of_scope(self, scope: Any) -> Hit | None:
        """For a request as ASGI has it."""
        method, path = scope["method"], scope.get("raw_path")
        if not path or path[:1] != b"/" or method not in ("GET", "HEAD"):
            return None
        asking = self.asking(scope.get("scheme", "http"), scope["headers"])
        if asking is None:
            return None
        query = scope.get("query_string")
        key = self.key_of(asking, path + b"?" + query if query else path)
        return self.found(asking, key, is_head=method == "HEAD")

    def asking(self, scheme: str, headers: Sequence[Any]) -> Asking | None:
        try:
            known = self.known.get((scheme, *headers))
        except TypeError:
            # Pairs that are lists: there are servers that have them so.
            known = None
        return (known or self.learnt(scheme, headers))[0]

    def learnt(self, scheme: str, headers: Sequence[Any]) -> tuple[Asking | None]:
        pairs = tuple((bytes(name), bytes(value)) for name, value in headers)
        asking = asking_of(scheme, Fields(pairs), self.edge.profile)
        if sum(len(name) + len(value) for name, value in pairs) <= LONGEST_KNOWN:
            self.known.learn((scheme, *pairs), (asking,), weight_of(pairs))
        return (asking,)

    # --- the page ---------------------------------------------------------------------------------------------

    def found(self, asking: Asking, key: str, *, is_head: bool = False) -> Hit | None:
        """Counted as a hit, if it is one."""
        engine = self.edge.engine
        answer = engine.recalled(key)
        if answer is None or answer.verdict is not VALID or not engine.ordering.is_heard:
            return None
        ready = answer.derived
        if ready is None:
            if isinstance(answer.value, Fork):
                return self.found_behind(answer.value, asking, key, is_head=is_head)
            if not isinstance(answer.value, Page):
                return None
            ready = self.made_ready(key, answer.value, answer)
        now = engine.clock()
        is_stale = now >= ready.until
        if is_stale and (now >= ready.stale_until or not self.edge.is_making(ready.key)):
            return None
        if (lines := ready.lines_for(asking)) is None:
            return None
        self.count(answer, ready, asking, is_head=is_head, is_stale=is_stale)
        return ready, lines, now

    def found_behind(self, fork: Fork, asking: Asking, key: str, *, is_head: bool) -> Hit | None:
        """The variant for this request, of the newest Vary."""
        way = (asking, key, fork.vary)
        place = self.places.get(way)
        if place is None:
            place = variant_key(fork.url, fork.vary[0], asking.fields)
            self.places.learn(way, place, asking.weight + len(key) + len(place))
        return self.found(asking, place, is_head=is_head)

    def key_of(self, asking: Asking, target: bytes) -> str:
        """As Request has it, in fewer steps for the commonest."""
        if len(target) <= asking.room and not target.translate(None, PLAIN):
            return asking.key_begins + target.decode("ascii")
        path, _, query = target.partition(b"?")
        if query and self.alters_query:
            query = query_of(query, self.edge.profile)
        return url_key(asking.origin + (path + b"?" + query if query else path).decode("latin-1"))

    def made_ready(self, key: str, page: Page, answer: Answer) -> Ready:
        ready = answer.derived = Ready.of(key, page, self.edge.profile, answer.header.tags)
        self.weigh(key, answer)
        return ready

    def weigh(self, key: str, answer: Answer) -> None:
        memory = self.edge.engine.memory
        if memory is not None:
            memory.resized(key, answer, size_of(answer.value) + answer.derived.size)

    def forms_of(self, page: Page, request: Request, held: Held | None, tags: Iterable[str]) -> Mapping[str, Form]:
        """For an answer that is no plain hit: of what memory has, all there are by now."""
        if held is None or held.tier != "memory":
            return {"": plain_form(page, self.edge.profile, tags)}
        answer = held.answer
        ready = answer.derived or self.made_ready(held.key, page, answer)
        for coding in accepted(request.fields, self.edge.profile.codings)[:1]:
            self.see_to_coding(answer, ready, coding)
        return ready.forms

    # --- behind the reader --------------------------------------------------------------------------------------

    def count(self, answer: Answer, ready: Ready, asking: Asking, *, is_head: bool, is_stale: bool) -> None:
        answer.reads += 1
        if is_stale:
            record("stale", "page", ready.key, tier="memory")
        else:
            TALLY.memory_hits += 1
            if subscribers or listeners.get():
                tell("hit", "page", ready.key, tier="memory")
        if self.edge.served is not None and not is_head and not asking.is_ahead:
            self.edge.served(ready.page)
        if ready.tried is not None and asking.codings:
            self.see_to_coding(answer, ready, asking.codings[0])

    def see_to_coding(self, answer: Answer, ready: Ready, coding: str) -> None:
        """Once when it is first asked for, and once more when the page proves hot."""
        tried, hot = ready.tried, answer.reads >= HOT
        if tried is None or tried.get(coding, not hot) is hot:
            return
        level = level_of(coding, len(ready.page.body), hot=hot)

        def done(body: bytes | None) -> None:
            if body is not None:
                ready.forms[coding] = coded_form(ready.page, ready.profile, answer.header.tags, coding, level, body)
                self.weigh(ready.place, answer)

        if self.encoder.begin(coding, level, ready.page.body, done):
            tried[coding] = hot
