"""Build the response to one request from a stored page, and send responses to the client that waits."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .asgi import Client, Message, PacedClient
from .incoming_response import IncomingResponse, ResponseMode
from .origin import Origin, OriginRequest
from .page import Page
from .profile import Profile
from .representation import Representation, choose_representation, forbid_storing, represent_plain
from .request import Request
from .rules.conditions import ORIGIN_CONDITIONS, evaluate_conditions, not_modified_fields, range_of
from .rules.fields import CacheStatus, Field, Fields


class Response(NamedTuple):
    status: int
    pairs: list[Field]
    body: bytes


def build_response(
    request: Request,
    page: Page,
    representations: Mapping[str, Representation],
    now: float,
    cache_status: CacheStatus,
    profile: Profile,
) -> Response:
    """Apply the client's conditions and ranges: the page's status, 304, 206 or 416. `representations`: by coding."""
    extra = [(b"age", str(int(page.age(now))).encode()), (b"cache-status", cache_status.encode(profile.name))]
    codings = request.fields.choose_codings(profile.codings)
    representation = (
        representations[""] if b"range" in request.fields else choose_representation(representations, codings)
    )
    if _is_conditional(request, page):
        is_known, tag = evaluate_conditions(request.fields, page, representation.etag, codings)
        if is_known:
            return Response(304, [*_not_modified_response_fields(representation, tag).pairs, *extra], b"")
    byte_range = range_of(request.fields, page) if request.method == "GET" else None
    if byte_range is False:
        return _unsatisfied_response(page, extra)
    if isinstance(byte_range, tuple):
        return _partial_response(representation, byte_range, extra)
    return Response(
        page.status,
        [*representation.head(page.status).pairs, *extra],
        b"" if request.method == "HEAD" else representation.body,
    )


def _is_conditional(request: Request, page: Page) -> bool:
    """Whether this cache evaluates conditions: for successful responses only (RFC 9110, section 13.2.1), unless the
    origin must evaluate them.
    """
    return 200 <= page.status < 300 and not any(name in request.fields for name in ORIGIN_CONDITIONS)


def _not_modified_response_fields(representation: Representation, tag: str | None) -> Fields:
    """`tag`: the entity tag that the client sent. It may name another coding of the same page."""
    fields = Fields.of(representation.not_modified_head.pairs)
    return (
        fields
        if tag is None or tag == representation.etag
        else fields.with_fields([(b"etag", tag.encode("latin-1"))])
    )


def _partial_response(representation: Representation, byte_range: tuple[int, int], extra: list[Field]) -> Response:
    first, last = byte_range
    body = representation.body[first : last + 1]
    about = [
        (b"content-range", f"bytes {first}-{last}/{len(representation.body)}".encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    return Response(206, [*representation.fields.with_fields(about).pairs, *extra], body)


def _unsatisfied_response(page: Page, extra: list[Field]) -> Response:
    length = (b"content-range", f"bytes */{len(page.body)}".encode())
    return Response(416, [length, (b"content-length", b"0"), *extra], b"")


class ResponseSender:
    """Messages are dropped if no client waits. `forwarded`: as in `OriginFetch`."""

    def __init__(
        self, origin: Origin, origin_request: OriginRequest, response: IncomingResponse, forwarded: str
    ) -> None:
        self._origin = origin
        self._request = origin_request.request
        self._response = response
        self._forwarded = forwarded
        self._client = client = origin_request.client
        # Followers wait for the whole response, not for the speed of this client.
        self._paced_client = PacedClient(client, origin.start_task) if client is not None else None

    async def send(self, message: Message) -> None:
        """Send a message as it is."""
        if self._client is not None:
            await self._client.send(message)

    async def forward_start(self, message: Message, reason: str) -> None:
        """Forward the first message. `reason`: why the response is not stored, "" if it is."""
        if self._client is None:
            return
        response = self._response
        stored = response.mode is ResponseMode.TEE
        fields = response.stored_fields if stored else response.fields
        cache_status = self._cache_status(reason, stored=stored)
        await self.forward({**message, "headers": self._origin.outgoing_fields(fields, cache_status)})

    async def forward(self, message: Message) -> None:
        if self._response.mode is ResponseMode.TEE and self._paced_client is not None:
            self._paced_client.send(message)
        else:
            await self.send(message)

    async def drain(self) -> None:
        """Wait until the client has got all forwarded messages."""
        if self._paced_client is not None:
            await self._paced_client.drain()

    async def send_not_modified(self, reason: str) -> None:
        fields = not_modified_fields(self._response.fields)
        await self._send(304, self._origin.outgoing_fields(fields, self._cache_status(reason)), b"")

    async def send_confirmed(self, page: Page, reason: str) -> None:
        """Send the stored page with the fields of the 304, to this client alone (RFC 9111, section 4.3.4)."""
        now, profile = self._origin.clock(), self._origin.profile
        cache_status = CacheStatus(
            hit=True, forwarded=self._forwarded, forwarded_status=304, key=self._request.key, detail=reason
        )
        representations = {"": represent_plain(page, profile, (), now)}
        sent = build_response(self._request, page, representations, now, cache_status, profile)
        await self._send(sent.status, forbid_storing(sent.pairs, profile), sent.body)

    async def send_collected(self, reason: str, body: bytes) -> None:
        """Send a response that was collected to be stored, and cannot be."""
        fields = self._origin.outgoing_fields(self._response.fields, self._cache_status(reason))
        await self._send(self._response.status, fields, body, more=not self._response.is_complete)

    def _cache_status(self, detail: str, *, stored: bool = False) -> CacheStatus:
        status, key = self._response.status, self._request.key
        return CacheStatus(forwarded=self._forwarded, forwarded_status=status, stored=stored, key=key, detail=detail)

    async def _send(self, status: int, headers: list[Field], body: bytes, *, more: bool = False) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": more})


async def send_short(
    client: Client, method: str, profile: Profile, status: int, text: str, more: Iterable[Field] = ()
) -> None:
    """Send a response of the cache's own: a refusal, or a redirect. `text`: why. `more`: further fields."""
    content_type, body = profile.refusal(status, text)
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"cache-status", CacheStatus(forwarded="bypass", detail=text).encode(profile.name)),
        *more,
    ]
    await client.send({"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if method == "HEAD" else body
    await client.send({"type": "http.response.body", "body": body, "more_body": False})
