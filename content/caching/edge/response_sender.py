"""Send the response of one call of the application to the client that waits for it."""

from .asgi import Message, PacedClient
from .origin import Origin
from .origin_request import OriginRequest
from .page import Page
from .representation import forbid_storing, represent_plain
from .response import build_response
from .response_mode import IncomingResponse, ResponseMode
from .rules.conditions import not_modified_fields
from .rules.fields import CacheStatus, Field


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
        representations = {"": represent_plain(page, profile, ())}
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
