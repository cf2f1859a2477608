"""Encode the Cache-Status field (RFC 9211)."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class CacheStatus:
    """The steps that this cache took for a request.

    - `forwarded`: why the application was called: uri-miss, vary-miss, stale, request, method, bypass.
    - `ttl`: remaining freshness in seconds; negative if stale.
    - `detail`: a short text of our own.
    """

    hit: bool = False
    forwarded: str = ""
    forwarded_status: int = 0
    stored: bool = False
    collapsed: bool = False
    ttl: float | None = None
    key: str = ""
    detail: str = ""

    def with_key(self, key: str, ttl: float) -> "CacheStatus":
        return replace(self, key=key, ttl=ttl)

    def encode(self, name: str) -> bytes:
        """Encode as one List member (RFC 9651): a token with parameters."""
        parts = [name]
        if self.hit:
            parts.append("hit")
        if self.forwarded:
            parts.append(f"fwd={self.forwarded}")
        if self.forwarded_status:
            parts.append(f"fwd-status={self.forwarded_status}")
        if self.stored:
            parts.append("stored")
        if self.collapsed:
            parts.append("collapsed")
        if self.ttl is not None:
            parts.append(f"ttl={math.floor(self.ttl)}")
        if self.key:
            parts.append(f"key={_quote(self.key)}")
        if self.detail:
            parts.append(f"detail={_quote(self.detail)}")
        return "; ".join(parts).encode("ascii")


def _quote(text: str) -> str:
    """Encode as an RFC 9651 String: printable ASCII."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
