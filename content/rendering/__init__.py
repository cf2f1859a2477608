"""Markdown, and what readers type, to safe HTML. Pure: no Django, no I/O."""

from content.rendering.comments import count_links, render_comment
from content.rendering.errors import BodyTooLarge
from content.rendering.markdown import render_markdown
from content.rendering.marking import Wanted, marked, snippet
from content.rendering.slugs import slugify
from content.rendering.text import make_excerpt, plain_text, reading_minutes, shortened
from content.rendering.words import LONGEST_QUERY, beginning, folded, normalised, words_of

__all__ = [
    "LONGEST_QUERY",
    "BodyTooLarge",
    "Wanted",
    "beginning",
    "count_links",
    "folded",
    "make_excerpt",
    "marked",
    "normalised",
    "plain_text",
    "reading_minutes",
    "render_comment",
    "render_markdown",
    "shortened",
    "slugify",
    "snippet",
    "words_of",
]
