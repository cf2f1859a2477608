"""Header fields as ASGI has them, and the syntax that their values share (RFC 9110, section 5)."""

import re
from collections.abc import Iterable, Sequence

Field = tuple[bytes, bytes]

# Kept by no cache: they speak of one connection (RFC 9110, section 7.6.1; RFC 9111, section 3.1).
HOP_BY_HOP = frozenset(
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
MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')


class Fields:
    """Name and value pairs in their order; names in lower case."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[Sequence[bytes]] = ()) -> None:
        self.pairs: tuple[Field, ...] = tuple((bytes(name).lower(), bytes(value)) for name, value in pairs)

    @classmethod
    def of(cls, pairs: tuple[Field, ...]) -> "Fields":
        """Of what is in that form already."""
        fields = cls.__new__(cls)
        fields.pairs = pairs
        return fields

    def __contains__(self, name: bytes) -> bool:
        return any(name == pair[0] for pair in self.pairs)

    def values(self, name: bytes) -> list[str]:
        """Each line of that name."""
        return [value.decode("latin-1").strip(" \t") for each, value in self.pairs if each == name]

    def joined(self, name: bytes) -> str | None:
        """All lines of that name as one list (section 5.3); None where there is none."""
        values = self.values(name)
        return ", ".join(values) if values else None

    def first(self, name: bytes) -> str | None:
        for each, value in self.pairs:
            if each == name:
                return value.decode("latin-1").strip(" \t")
        return None

    def without(self, names: Iterable[bytes]) -> "Fields":
        unwanted = frozenset(names)
        return Fields.of(tuple(pair for pair in self.pairs if pair[0] not in unwanted))

    def with_these(self, pairs: Iterable[Field]) -> "Fields":
        """In place of those of the same names."""
        new = tuple(pairs)
        return Fields.of((*self.without(name for name, _ in new).pairs, *new))


def members(value: str | None) -> list[str]:
    """Of a comma-separated list; empty ones do not count (section 5.6.1)."""
    if value is None:
        return []
    return [stripped for member in MEMBER.findall(value) if (stripped := member.strip(" \t"))]


def unquoted(text: str) -> str:
    """A token as it is, a quoted string as what it says (section 5.6.4)."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def connection_fields(fields: Fields) -> frozenset[bytes]:
    """Hop-by-hop fields, and those that Connection names."""
    named = (member.lower().encode("latin-1") for member in members(fields.joined(b"connection")))
    return HOP_BY_HOP | frozenset(named)
