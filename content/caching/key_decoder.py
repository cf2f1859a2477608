"""Read the name of an entry back: resource and parameters, from text that anyone may have written.

A result is encoded again and compared, so that no text stands for other parameters than its own. It imports
nothing by name, so an Enum that is no str or int has no way back. A text that was cut has none either.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from .key import MAX_PARAMETERS, Parameters, encode_parameter

# Tuples within tuples.
MAX_DEPTH = 10
# Characters of a page's URL.
MAX_URL = 500
PAGE = "page"

_INTEGER = re.compile(r"-?[0-9]+|-?0x[0-9a-f]+")
_CONSTANTS = {"!None": None, "!True": True, "!False": False}


def decode_name(text: str) -> tuple[str, Parameters] | None:
    """Resource and parameters of `post:post,hello`; ("page", (URL,)) of a page. None if they cannot be known.

    That is so for other text than `content.caching.read_counts` makes, and for parameters that a key has a digest of.
    """
    name, colon, rest = text.partition(":")
    if not name or not colon:
        return None
    if name == PAGE:
        return (name, (rest,)) if rest and len(rest) <= MAX_URL else None
    parameters = decode_parameters(rest)
    return (name, parameters) if parameters is not None else None


def decode_parameters(text: str) -> Parameters | None:
    """The parameters whose text in a key this is. None if there are none, or they cannot be known."""
    if len(text) > MAX_PARAMETERS:
        return None
    try:
        parameters = tuple(_decode(part, MAX_DEPTH) for part in _split(text))
        encoded = ",".join(map(encode_parameter, parameters))
    except (ValueError, ArithmeticError, TypeError):
        return None
    return parameters if encoded == text else None


def _split(text: str) -> list[str]:
    """Split at the commas that are in no tuple."""
    parts, depth, first = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[first:position])
            first = position + 1
    return [*parts, text[first:]] if text else []


def _decode(text: str, depth: int) -> Any:
    """Raises ValueError, ArithmeticError or TypeError."""
    if text[:1] == "(":
        if depth == 0 or text[-1:] != ")":
            raise ValueError("no tuple")
        return tuple(_decode(part, depth - 1) for part in _split(text[1:-1]))
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0 if "x" in text else 10)
    if text.startswith("!decimal."):
        return Decimal(text.removeprefix("!decimal."))
    if text.startswith("!uuid."):
        return UUID(hex=text.removeprefix("!uuid."))
    if text[:1] == "!":
        return _decode_number_or_date(unquote(text[1:]))
    return unquote(text.removeprefix("'"), errors="surrogatepass")


def _decode_number_or_date(text: str) -> float | date:
    for read in (float, date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    raise ValueError("of no type that can be read back")
