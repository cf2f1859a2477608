import hashlib
import html
import re
import unicodedata

import nh3

WORDS_A_MINUTE = 220
EXCERPT_LENGTH = 240
LONGEST_SLUG = 200

SPACE = re.compile(r"\s+")
NO_WORD = re.compile(r"[\W_]+")
BLOCK_END = re.compile(r"</(p|h[1-6]|li|blockquote|figcaption|td|th|pre|dt|dd|summary)>|<br\s*/?>")
# Links beside headings, numbers of footnotes, and the notes: no part of the text.
MARKS = re.compile(
    r'<a [^<>]*class="(?:heading-link|footnote-backref)"[^<>]*>[^<]*</a>'
    r'|<sup class="footnote-ref">.*?</sup>|<section class="footnotes">.*?</section>',
    re.DOTALL,
)
# Controls except whitespace, halves of surrogate pairs, and noncharacters: a page with one of them is not valid HTML
# (HTML Living Standard, 13.2.3.5, "Preprocessing the input stream").
PLANES_END = "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
DISALLOWED = re.compile(f"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{PLANES_END}]")


def remove_disallowed(text: str) -> str:
    """Remove the characters that HTML does not allow."""
    return DISALLOWED.sub("", text)


def plain_text(markup: str) -> str:
    """HTML as one line of text, without footnotes and heading links."""
    spaced = BLOCK_END.sub(r"\g<0> ", MARKS.sub("", markup))
    return SPACE.sub(" ", html.unescape(nh3.clean(spaced, tags=set()))).strip()


def make_excerpt(markup: str, length: int = EXCERPT_LENGTH) -> str:
    """The beginning of an HTML body as text, cut after a word."""
    return shortened(plain_text(markup), length)


def shortened(text: str, length: int) -> str:
    """The beginning of a text with at most that many characters: whole words and an ellipsis.

    A single longer word is cut.
    """
    if len(text) <= length:
        return text
    words = text[:length]
    return (words.rpartition(" ")[0] or words[:-1]).rstrip(" ,;:.-") + "…"


def opens_with(text: str, words: str, within: int = 300) -> bool:
    """Whether a text has those words at its beginning, or at most `within` characters later.

    Punctuation is ignored: it may differ between a text and its excerpt.
    """
    sought = strip_punctuation(words)
    return bool(sought) and f" {sought} " in f" {strip_punctuation(text[: len(words) + within])} "


def strip_punctuation(text: str) -> str:
    return NO_WORD.sub(" ", text.casefold()).strip()


def reading_minutes(words: int) -> int:
    """Whole minutes for so many words, at 220 a minute; at least one."""
    return max(1, round(words / WORDS_A_MINUTE))


def slugify(text: str, *, fallback: str = "post") -> str:
    """A slug of letters and digits of any script, never empty, at most 200 characters.

    A text without letters and digits (emoji, for example) gives `<fallback>-<8 hex digits of its hash>`.
    """
    normal = unicodedata.normalize("NFKC", text).lower().replace("'", "").replace("\u2019", "")
    slug = re.sub(r"[\W_]+", "-", normal).strip("-")[:LONGEST_SLUG].strip("-")
    return slug or f"{fallback}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"
