import html
import re

import nh3

WORDS_A_MINUTE = 220
EXCERPT_LENGTH = 240

SPACE = re.compile(r"\s+")
BLOCK_END = re.compile(r"</(p|h[1-6]|li|blockquote|figcaption|td|th|pre)>|<br\s*/?>")


def plain_text(markup: str) -> str:
    """HTML as one line of text."""
    spaced = BLOCK_END.sub(r"\g<0> ", markup)
    return SPACE.sub(" ", html.unescape(nh3.clean(spaced, tags=set()))).strip()


def make_excerpt(markup: str, length: int = EXCERPT_LENGTH) -> str:
    """The beginning of an HTML body as text, cut at a word."""
    text = plain_text(markup)
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0].rstrip(" ,;:.-") + "…"


def reading_minutes(text: str) -> int:
    """Whole minutes at 220 words a minute, at least one."""
    return max(1, round(len(text.split()) / WORDS_A_MINUTE))
