"""Header fields as ASGI has them, and the syntax that their values share (RFC 9110, section 5)."""

import re
from collections.abc import Iterable, Sequence

Field = tuple[bytes, bytes]

# Kept by no cache: they speak of one connection (RFC 9110, section 7.6.1; RFC 9111, section 3.1).
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Members of a list, quoted strings in them left whole.
_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')


class Fields:
    """Name and value pairs in their order; names in lower case."""

    __slots__ = ("lines", "pairs")

    def __init__(self, pairs: Iterable[Sequence[bytes]] = ()) -> None:
        self.pairs: tuple[Field, ...] = tuple((bytes(name).lower(), bytes(value)) for name, value in pairs)
        self.lines: dict[bytes, list[str]] | None = None

    @classmethod
    def of(cls, pairs: tuple[Field, ...]) -> "Fields":
        """Of what is in that form already."""
        fields = cls.__new__(cls)
        fields.pairs, fields.lines = pairs, None
        return fields

    @property
    def _by_name(self) -> dict[bytes, list[str]]:
        """Each line; sorted once, for a request or a response is asked for a few dozen names."""
        if self.lines is None:
            self.lines = {}
            for name, value in self.pairs:
                self.lines.setdefault(name, []).append(value.decode("latin-1").strip(" \t"))
        return self.lines

    def __contains__(self, name: bytes) -> bool:
        return name in self._by_name

    def values(self, name: bytes) -> list[str]:
        """Each line of that name."""
        return self._by_name.get(name, [])

    def combined_value(self, name: bytes) -> str | None:
        """All lines of that name as one list (section 5.3); None where there is none."""
        values = self.values(name)
        return ", ".join(values) if values else None

    def first(self, name: bytes) -> str | None:
        values = self.values(name)
        return values[0] if values else None

    def without(self, names: Iterable[bytes]) -> "Fields":
        unwanted = frozenset(names)
        return Fields.of(tuple(pair for pair in self.pairs if pair[0] not in unwanted))

    def with_fields(self, pairs: Iterable[Field]) -> "Fields":
        """In place of those of the same names."""
        new = tuple(pairs)
        return Fields.of((*self.without(name for name, _ in new).pairs, *new))


def members(value: str | None) -> list[str]:
    """Of a comma-separated list; empty ones do not count (section 5.6.1)."""
    if value is None:
        return []
    return [stripped for member in _MEMBER.findall(value) if (stripped := member.strip(" \t"))]


def unquote(text: str) -> str:
    """A token as it is, a quoted string as what it says (section 5.6.4)."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def connection_fields(fields: Fields) -> frozenset[bytes]:
    """Hop-by-hop fields, and those that Connection names."""
    named = (member.lower().encode("latin-1") for member in members(fields.combined_value(b"connection")))
    return _HOP_BY_HOP | frozenset(named)
