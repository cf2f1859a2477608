"""Markdown, and what readers type, to safe HTML. Pure: no Django, no I/O."""

from content.rendering.comments import count_links, render_comment
from content.rendering.errors import BodyTooLarge
from content.rendering.layout import images, laid_out
from content.rendering.markdown import render_markdown
from content.rendering.marking import Wanted, marked, snippet
from content.rendering.outline import Heading, outline
from content.rendering.slugs import slugify
from content.rendering.text import EXCERPT_LENGTH, make_excerpt, opens_with, plain_text, reading_minutes, shortened
from content.rendering.words import LONGEST_QUERY, beginning, folded, normalised, words_of

__all__ = [
    "EXCERPT_LENGTH",
    "LONGEST_QUERY",
    "BodyTooLarge",
    "Heading",
    "Wanted",
    "beginning",
    "count_links",
    "folded",
    "images",
    "laid_out",
    "make_excerpt",
    "marked",
    "normalised",
    "opens_with",
    "outline",
    "plain_text",
    "reading_minutes",
    "render_comment",
    "render_markdown",
    "shortened",
    "slugify",
    "snippet",
    "words_of",
]
