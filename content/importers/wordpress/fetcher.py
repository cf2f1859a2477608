"""Fetches files from public hosts, within bounds.

An address in an export may name a router, a database or the metadata of a cloud instead of a picture.

1. Only http and https are used, and no address with a user name.
2. The name of the host is resolved once. If one of its addresses is not public, no request is sent.
3. The connection goes to the address that was checked, so that a second DNS response changes nothing.
4. Each redirect is checked again from the start.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from content.importers.media import LARGEST_MEDIA

MOST_REDIRECTS = 5
# Bounds in seconds: between two packets, and for one file.
TIMEOUT = 10.0
DEADLINE = 60.0
CHUNK = 1 << 16
PORTS = {"http": 80, "https": 443}
REDIRECTS = {301, 302, 303, 307, 308}
USER_AGENT = "Evergreen (import of a blog's own media)"


class Refused(Exception):
    """An address to which no request is sent, or a response that is not accepted."""


@dataclass(frozen=True)
class Fetcher:
    """Returns the bytes at an address, or None for a failure. Tests alone allow `private` hosts."""

    private: bool = False
    largest: int = LARGEST_MEDIA
    clock: Callable[[], float] = time.monotonic

    def __call__(self, address: str) -> bytes | None:
        until = self.clock() + DEADLINE
        try:
            for _ in range(MOST_REDIRECTS + 1):
                content, address = self.request(address, until)
                if content is not None:
                    return content
        except (Refused, OSError, http.client.HTTPException, ValueError):
            return None
        return None

    def request(self, address: str, until: float) -> tuple[bytes | None, str]:
        """The content, or None and the address of a redirect. Raises Refused, and errors of the network."""
        parts = urlsplit(address)
        host = parts.hostname
        if parts.scheme not in PORTS or not host or parts.username is not None:
            raise Refused("not an address of a file")
        port = parts.port or PORTS[parts.scheme]
        connection = self.open_connection(parts.scheme, host, port)
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~-._") if parts.query else ""
        try:
            connection.request("GET", path + query, headers={"User-Agent": USER_AGENT, "Accept": "*/*"})
            response = connection.getresponse()
            if response.status in REDIRECTS:
                return None, urljoin(address, response.headers.get("Location", ""))
            if response.status != 200:
                raise Refused(f"status {response.status}")
            return self.read_body(response, until), address
        finally:
            connection.close()

    def read_body(self, response: http.client.HTTPResponse, until: float) -> bytes:
        pieces, size = [], 0
        while piece := response.read1(CHUNK):
            size += len(piece)
            if size > self.largest or self.clock() > until:
                raise Refused("too large or too slow")
            pieces.append(piece)
        if response.length:
            raise Refused("cut short")
        return b"".join(pieces)

    def open_connection(self, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(row[4][0]) for row in rows]
        if not self.private and not all(is_public(address) for address in addresses):
            raise Refused("not a public address")
        if scheme == "https":
            return PinnedHTTPSConnection(host, port, addresses[0])
        return PinnedHTTPConnection(host, port, addresses[0])


class PinnedHTTPConnection(http.client.HTTPConnection):
    """A connection to an address that was checked, whatever the name of the host resolves to now."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)


class PinnedHTTPSConnection(PinnedHTTPConnection):
    """The same, with a certificate for the name of the host."""

    default_port = PORTS["https"]

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def is_public(text: str) -> bool:
    """An IPv6 address that contains an IPv4 address counts as that: mapped, 6to4, Teredo, NAT64."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast
