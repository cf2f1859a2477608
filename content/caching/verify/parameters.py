"""Find the entry that a key names: its resource and parameters, decoded from the text of the key."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from ..declarations import resources
from ..key import EntryKey


def entry_key_of(key: str) -> EntryKey | None:
    """None for an undeclared resource, another schema, a shortened key, and parameters that a key does not tell."""
    address, mark, rest = key.rpartition("@")
    resource = resources.get(address)
    if not mark or resource is None or "#" in rest:
        return None
    try:
        entry_key = resource.entry_key(decode_parameters(rest.partition(":")[2]), {})
    except (ValueError, TypeError, ArithmeticError):
        return None
    # The parameters are right if they lead to the same key.
    return entry_key if entry_key.key == key else None


def decode_parameters(text: str) -> tuple[Any, ...]:
    """The inverse of the encoding in key.py. Raises ValueError for what cannot be decoded."""
    return tuple(_decode(part) for part in _split(text)) if text else ()


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand in no parentheses."""
    depth = begin = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield text[begin:place]
            begin = place + 1
    yield text[begin:]


def _decode(text: str) -> Any:
    if text.startswith("("):
        return decode_parameters(text[1:-1])
    if text.startswith("!"):
        return _decode_marked(text[1:])
    if text.startswith("'") or text[:1].isalpha():
        return unquote(text.removeprefix("'"), errors="surrogatepass")
    return int(text, 0)


_CONSTANTS = {"True": True, "False": False, "None": None}
_TYPES: dict[str, Callable[[str], Any]] = {"uuid": UUID, "decimal": Decimal, "time": time.fromisoformat}


def _decode_marked(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    kind, _, content = text.partition(".")
    if kind in _TYPES:
        return _TYPES[kind](unquote(content))
    plain = unquote(text)
    if plain[4:5] != "-" or not plain[:4].isdigit():
        return float(plain)
    return datetime.fromisoformat(plain) if "T" in plain else date.fromisoformat(plain)
