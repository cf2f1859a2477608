"""Files from the network, within bounds, and never from inside of ours.

An export is a stranger's: an address in it may name a router, a database or a cloud's own data instead of a picture.

1. Only http and https are asked, and no address with a name and a password in it.
2. The host's name is looked up once. If any of its addresses is not public, nothing is asked.
3. The connection goes to the very address that was judged: a name that changes its mind in between changes nothing.
4. Each redirect is judged again from the start.
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
SECONDS_OF_SILENCE = 10.0
SECONDS_A_FILE = 60.0
CHUNK = 1 << 16
PORTS = {"http": 80, "https": 443}
REDIRECTS = {301, 302, 303, 307, 308}
USER_AGENT = "Evergreen (import of a blog's own media)"


class Refused(Exception):
    """An address that is not asked, or an answer that is not taken."""


@dataclass(frozen=True)
class Fetcher:
    """Gives the bytes at an address; None where they cannot be had. `private` hosts are asked in tests alone."""

    private: bool = False
    largest: int = LARGEST_MEDIA
    clock: Callable[[], float] = time.monotonic

    def __call__(self, address: str) -> bytes | None:
        until = self.clock() + SECONDS_A_FILE
        try:
            for _ in range(MOST_REDIRECTS + 1):
                content, address = self.asked(address, until)
                if content is not None:
                    return content
        except (Refused, OSError, http.client.HTTPException, ValueError):
            return None
        return None

    def asked(self, address: str, until: float) -> tuple[bytes | None, str]:
        """The content, or where it has gone. Raises Refused, and what the network raises."""
        parts = urlsplit(address)
        host = parts.hostname
        if parts.scheme not in PORTS or not host or parts.username is not None:
            raise Refused("not an address of a file")
        port = parts.port or PORTS[parts.scheme]
        connection = self.connection(parts.scheme, host, port)
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~-._") if parts.query else ""
        try:
            connection.request("GET", path + query, headers={"User-Agent": USER_AGENT, "Accept": "*/*"})
            answer = connection.getresponse()
            if answer.status in REDIRECTS:
                return None, urljoin(address, answer.headers.get("Location", ""))
            if answer.status != 200:
                raise Refused(f"status {answer.status}")
            return self.content(answer, until), address
        finally:
            connection.close()

    def content(self, answer: http.client.HTTPResponse, until: float) -> bytes:
        pieces, size = [], 0
        while piece := answer.read1(CHUNK):
            size += len(piece)
            if size > self.largest or self.clock() > until:
                raise Refused("too large or too slow")
            pieces.append(piece)
        if answer.length:
            raise Refused("cut short")
        return b"".join(pieces)

    def connection(self, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(row[4][0]) for row in found]
        if not self.private and not all(is_public(address) for address in addresses):
            raise Refused("not a public address")
        if scheme == "https":
            return PinnedTLS(host, port, addresses[0])
        return Pinned(host, port, addresses[0])


class Pinned(http.client.HTTPConnection):
    """A connection to an address that was judged, by whatever name the host is asked."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=SECONDS_OF_SILENCE)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)


class PinnedTLS(Pinned):
    """As above, with the certificate held against the host's name."""

    default_port = PORTS["https"]

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def is_public(text: str) -> bool:
    """Addresses within addresses are judged by the one inside: mapped, 6to4, Teredo, NAT64."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def fetcher(*, private: bool = False) -> Fetcher:
    return Fetcher(private=private)
