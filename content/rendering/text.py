import html
import re

import nh3

WORDS_A_MINUTE = 220
EXCERPT_LENGTH = 240

SPACE = re.compile(r"\s+")
NO_WORD = re.compile(r"[\W_]+")
BLOCK_END = re.compile(r"</(p|h[1-6]|li|blockquote|figcaption|td|th|pre|dt|dd|summary)>|<br\s*/?>")
# Marks for the eye: links beside headings, numbers of footnotes, the notes themselves.
MARKS = re.compile(
    r'<a [^<>]*class="(?:heading-link|footnote-backref)"[^<>]*>[^<]*</a>'
    r'|<sup class="footnote-ref">.*?</sup>|<section class="footnotes">.*?</section>',
    re.DOTALL,
)


def plain_text(markup: str) -> str:
    """HTML as one line of text, without what only leads around in it."""
    spaced = BLOCK_END.sub(r"\g<0> ", MARKS.sub("", markup))
    return SPACE.sub(" ", html.unescape(nh3.clean(spaced, tags=set()))).strip()


def make_excerpt(markup: str, length: int = EXCERPT_LENGTH) -> str:
    """The beginning of an HTML body as text, cut at a word."""
    return shortened(plain_text(markup), length)


def shortened(text: str, length: int) -> str:
    """At most that many characters: whole words and an ellipsis; one endless word is cut itself."""
    if len(text) <= length:
        return text
    words = text[:length]
    return (words.rpartition(" ")[0] or words[:-1]).rstrip(" ,;:.-") + "…"


def opens_with(text: str, words: str, within: int = 300) -> bool:
    """Whether a text says those words where it begins, or not more than `within` characters later.

    Quotes, dashes and the ellipsis of what was cut do not count: they differ between a text and its excerpt."""
    sought = bare(words)
    return bool(sought) and f" {sought} " in f" {bare(text[: len(words) + within])} "


def bare(text: str) -> str:
    return NO_WORD.sub(" ", text.casefold()).strip()


def reading_minutes(words: int) -> int:
    """Whole minutes for so many words, at 220 a minute; at least one."""
    return max(1, round(words / WORDS_A_MINUTE))
