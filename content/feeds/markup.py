"""XML as text. What XML 1.0 has no place for is left out, so that no post can break a document."""

import re
from collections.abc import Mapping
from html import escape

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
# All but Char (XML 1.0, section 2.2): control characters, halves of surrogate pairs, U+FFFE and U+FFFF.
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """As the content of an element, or between the quotes of an attribute."""
    return escape(ILLEGAL.sub("", value))


def element(name: str, *content: str, **attributes: str) -> str:
    return with_attributes(name, attributes, *content)


def with_attributes(name: str, attributes: Mapping[str, str], *content: str) -> str:
    """As element, for names that Python has no place for. `content` is markup already."""
    opening = name + "".join(f' {key}="{text(value)}"' for key, value in attributes.items())
    return f"<{opening}>{''.join(content)}</{name}>" if content else f"<{opening}/>"
