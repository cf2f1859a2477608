"""Comments of kramdown, which no reader of the source sees."""

import re

from content.importers.places import Place, Places

COMMENT = re.compile(r"\{::comment\}.*?\{:/(?:comment)?\}[ \t]*\n?", re.DOTALL)


def without_comments(text: str) -> str:
    """Those in code are shown there, and stay."""
    if "{::comment}" not in text:
        return text
    places = Places(text)
    return COMMENT.sub(lambda match: match[0] if places.at(match.start()) is Place.CODE else "", text)
