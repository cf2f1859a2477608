"""Find the entry that the text of a key names: the inverse of key.py, for keys that other processes wrote down."""

from typing import Any
from urllib.parse import unquote

from .declarations import resources
from .key import EntryKey

_CONSTANTS = {"!None": None, "!True": True, "!False": False}


def find_entry_key(text: str) -> EntryKey | None:
    """The entry of a declared resource whose key that is, or was with another schema.

    None for a resource that this process does not know, for a key with a digest, and for parameters other than text,
    whole numbers, booleans and None.
    """
    name, _, rest = text.partition("@")
    _, separator, encoded = rest.partition(":")
    resource = resources.get(name)
    if resource is None or not separator:
        return None
    try:
        parameters = tuple(map(_decode_parameter, encoded.split(","))) if encoded else ()
        entry_key = resource.entry_key(parameters, {})
    except (ValueError, TypeError):
        return None
    # The text comes from a shared store: believe it only if it is exactly what this process would write.
    return entry_key if entry_key.key == f"{name}@{resource.schema}:{encoded}" else None


def _decode_parameter(text: str) -> Any:
    """Raises ValueError for an encoding of another type."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[:1] == "'" or text[:1].isalpha():
        return unquote(text.removeprefix("'"), errors="surrogatepass")
    return int(text)
