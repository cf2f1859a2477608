"""The application's response as it comes in, what is done with it, and the page that is built from it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ..dependencies import Dependencies
from ..entry import Stamp
from .asgi import Message
from .origin import OriginRequest
from .page import Page, Times
from .page_store import StoredPage
from .profile import Profile
from .representation import LABEL
from .request import Request
from .rules.conditions import confirms, freshen_fields, is_not_modified
from .rules.directives import SWR, Directives, response_directives
from .rules.fields import Fields, connection_fields
from .rules.freshness import initial_age, lifetime, may_serve_on_error
from .rules.storing import refusal_reason
from .rules.variants import SMALLEST_CODED, is_compressible, vary_of, vary_value, with_vary


class ResponseMode(Enum):
    UNDECIDED = "no message has come"
    FORWARD = "each message is forwarded to the client"
    TEE = "each message is forwarded and collected, to be stored"
    STORE = "the response is collected, stored, and sent from there"
    FRESHEN = "the stored page is still right"
    CONFIRM = "the stored page is right for this client, and may not be stored again"
    STALE_IF_ERROR = "the stored page is sent instead of this error"
    NOT_MODIFIED = "the client has the page already"


@dataclass(frozen=True)
class Outcome:
    """The result of one call of the application. Without a page: the `reason` or the `error`.

    `stored`: others may get it. `stale`: it must not be called fresh. `tags`, `begun`: its dependencies, and the log
    position at which it began; None if unknown.
    """

    page: Page | None = None
    stored: bool = False
    stale: bool = False
    status: int = 0
    reason: str = ""
    error: BaseException | None = None
    tags: tuple[str, ...] = ()
    begun: Stamp | None = None


class IncomingResponse:
    """Status, fields and body as they come, and the mode that follows from the first message."""

    def __init__(
        self,
        request: Request,
        origin_request: OriginRequest,
        profile: Profile,
        old: StoredPage | None,
        clock: Callable[[], float],
    ) -> None:
        self._request = request
        self._origin_request = origin_request
        self._profile = profile
        self._old = old
        self._clock = clock
        self.mode = ResponseMode.UNDECIDED
        self.status, self.fields = 0, Fields()
        self.received_at = 0.0
        self.is_complete = False
        self._chunks: list[bytes] = []
        self._length = 0

    @property
    def old_page(self) -> Page | None:
        return self._old.value if self._old is not None and isinstance(self._old.value, Page) else None

    def begin(self, message: Message) -> str:
        """Take the first message and choose the mode. Returns why the response is not stored, "" if it is."""
        self.status, self.fields = message["status"], Fields(message.get("headers", ()))
        self.received_at = self._clock()
        self.mode, reason = self._choose_mode()
        if self.mode is ResponseMode.FORWARD and self._is_known_to_client:
            self.mode = ResponseMode.NOT_MODIFIED
        return reason

    def stop_storing(self) -> bool:
        """Forward the response from here on. True if nothing of it was sent yet."""
        is_unsent, self.mode = self.mode is ResponseMode.STORE, ResponseMode.FORWARD
        return is_unsent

    def fail(self) -> bool:
        """The application has raised. True if the stored page is sent instead."""
        if self.mode is not ResponseMode.UNDECIDED or not self._may_serve_stale:
            return False
        self.mode = ResponseMode.STALE_IF_ERROR
        return True

    def _choose_mode(self) -> tuple[ResponseMode, str]:
        old = self.old_page
        if self.status == 304 and self._origin_request.validates and old is not None:
            about = confirms(old, self.fields)
            reason = self.refusal_reason(old.status, freshen_fields(old, self.fields)) if about else None
            return (ResponseMode.FRESHEN, "") if reason is None else (ResponseMode.CONFIRM, reason)
        if self.status >= 500 and self._may_serve_stale:
            return ResponseMode.STALE_IF_ERROR, ""
        is_for_get = self._request.method == "GET" or self._profile.makes_whole
        reason = (self.refusal_reason(self.status, self.fields) or self._size_reason()) if is_for_get else "method"
        if reason is not None:
            return ResponseMode.FORWARD, reason
        directives, _ = response_directives(self.fields, self._profile.targeted)
        # A response of unknown length, or with fields for this client alone, is sent while it is collected.
        is_streamed = b"content-length" not in self.fields or directives.names("private")
        return ResponseMode.TEE if is_streamed and self._has_client else ResponseMode.STORE, ""

    @property
    def _may_serve_stale(self) -> bool:
        """Whether the stored page may replace an error (RFC 5861, section 4)."""
        page, old = self.old_page, self._old
        return page is not None and old is not None and may_serve_on_error(page, old.verdict, self._clock())

    # --- why it may not be stored ---------------------------------------------------------------------------

    def refusal_reason(self, status: int, fields: Fields) -> str | None:
        """Why a response to GET with this status and these fields may not be stored; None if it may."""
        directives, _ = response_directives(fields, self._profile.targeted)
        reason = self._personal_reason() or self._content_reason()
        return reason or refusal_reason(self._request.as_get(), status, fields, directives, self._profile)

    def _personal_reason(self) -> str | None:
        """The application saw all fields of a client that names itself: the response may show any of them."""
        is_personal = self._origin_request.is_personal
        return "personal" if is_personal and self._profile.visible_fields is not None else None

    def _content_reason(self) -> str | None:
        """The response may show the content of the request, which no key has."""
        client = self._origin_request.client
        has_sent = client is not None and (self._request.has_content or client.has_sent)
        return "content of the request" if has_sent and self._origin_request.passes_body else None

    def _size_reason(self) -> str | None:
        stated = self.fields.first(b"content-length") or ""
        is_length = stated.isascii() and stated.isdigit()
        # A number of more digits is too large, and costs time to convert.
        return "too large" if is_length and (len(stated) > 18 or int(stated) > self._profile.largest) else None

    # --- the body ------------------------------------------------------------------------------------------

    def add(self, body: bytes, *, more: bool) -> bool:
        """Take a part of the body. False if the response outgrows what may be stored."""
        if self.is_complete:
            # The client has the whole response: what would be stored is another page.
            raise RuntimeError("The application sends a body after the end of its response.")
        self.is_complete = not more
        if self.mode in (ResponseMode.TEE, ResponseMode.STORE):
            self._length += len(body)
            if self._length > self._profile.largest:
                return False
            self._chunks.append(bytes(body))
        return True

    @property
    def body(self) -> bytes:
        return b"".join(self._chunks)

    def drop_body(self) -> bytes:
        body, self._chunks = self.body, []
        return body

    @property
    def is_whole(self) -> bool:
        """An incomplete response is not stored (RFC 9111, section 3.3)."""
        stated = self.fields.first(b"content-length")
        return self.is_complete and (stated is None or stated == str(self._length))

    # --- the client ----------------------------------------------------------------------------------------

    @property
    def _has_client(self) -> bool:
        return self._origin_request.client is not None

    @property
    def stored_fields(self) -> Fields:
        """The fields as later clients get them from the store."""
        may_vary = self._profile.codings and is_compressible(self.status, self.fields, SMALLEST_CODED)
        return with_vary(self.fields) if may_vary else self.fields

    @property
    def _is_known_to_client(self) -> bool:
        """The edge hid the client's condition from the application, and so answers it."""
        hides = self._profile.makes_whole and self._origin_request.may_ask_whole and self._request.is_read
        return (
            hides and self.status == 200 and self._has_client and is_not_modified(self._request.fields, self.fields)
        )


_MOST_PARTS = 200


class CompleteResponse(NamedTuple):
    """A response whose whole body has arrived, and its request."""

    request: Request
    status: int
    fields: Fields
    body: bytes


def build_page(
    response: CompleteResponse,
    requested_at: float,
    received_at: float,
    ended_at: float,
    collected: Dependencies,
    profile: Profile,
) -> tuple[Page, Times]:
    """Build a page and its times. It is fresh and stale no longer than all entries that were read for it (I3).

    Things shown in passing bound only how long it is fresh; if one is stale, the page is stale from the beginning.
    """
    directives, targeted = response_directives(response.fields, profile.targeted)
    age = initial_age(response.fields, requested_at, received_at)
    seconds_fresh = lifetime(response.status, response.fields, directives, received_at, targeted=targeted)
    vary = tuple(name for name in vary_of(response.fields) or () if _may_vary_by(name, profile))
    fresh_until = min(received_at - age + seconds_fresh, collected.fresh_until, collected.weakly_fresh_until)
    if collected.weakly_stale:
        fresh_until = min(fresh_until, received_at)
    page = Page(
        url=response.request.url,
        status=response.status,
        pairs=_fields_to_store(response.fields, directives).pairs,
        body=response.body,
        received_at=received_at,
        initial_age=age,
        lifetime=fresh_until - received_at + age,
        arguments=_bound_arguments(directives, fresh_until, collected),
        vary=vary,
        varied=tuple(vary_value(name, response.request.fields) for name in vary),
        label=response.fields.first(LABEL) or "",
        parts=tuple(sorted(collected.keys))[:_MOST_PARTS],
    )
    stale, error = (page.directives.seconds(name) or 0.0 for name in (SWR, "stale-if-error"))
    # An error page is worth no validation, and strangers can ask for any number of them.
    seconds_kept = max(stale, error, profile.keep if page.status < 400 else 0.0)
    times = Times(
        received_at,
        fresh_until,
        fresh_until + stale,
        max(fresh_until, received_at) + seconds_kept,
        ended_at - requested_at,
    )
    return page, times


def _may_vary_by(name: str, profile: Profile) -> bool:
    """Whether a field can select a variant. Fields that the application does not see cannot."""
    return profile.visible_fields is None or name.encode("latin-1") in profile.visible_fields


def _fields_to_store(fields: Fields, directives: Directives) -> Fields:
    """Remove fields about the connection (RFC 9111, section 3.1) and about one client (section 5.2.2.7).

    Age is removed as well: the page itself carries it.
    """
    return fields.without(connection_fields(fields) | (directives.names("private") or frozenset()) | {b"age", LABEL})


def _bound_arguments(directives: Directives, fresh_until: float, collected: Dependencies) -> dict[str, str | None]:
    """The page's directives, with stale-while-revalidate bounded by the entries that were read."""
    arguments = dict(directives.arguments)
    if SWR in arguments:
        longest = min(directives.seconds(SWR) or 0.0, max(0.0, collected.stale_until - fresh_until))
        arguments[SWR] = str(int(longest))
    return arguments
