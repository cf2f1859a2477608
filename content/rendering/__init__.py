"""Markdown and plain text of comments to safe HTML; texts, slugs and search words. Pure: no Django, no I/O."""

from content.rendering.comments import count_links, render_comment
from content.rendering.layout import Heading, add_layout, find_headings, find_images
from content.rendering.markdown import render_markdown
from content.rendering.sanitise import BodyTooLarge
from content.rendering.search import (
    LONGEST_QUERY,
    QueryWords,
    fold_accents,
    make_snippet,
    mark_words,
    normalise_query,
    query_prefix,
    split_words,
)
from content.rendering.text import (
    EXCERPT_LENGTH,
    make_excerpt,
    opens_with,
    plain_text,
    reading_minutes,
    shortened,
    slugify,
)

__all__ = [
    "EXCERPT_LENGTH",
    "LONGEST_QUERY",
    "BodyTooLarge",
    "Heading",
    "QueryWords",
    "add_layout",
    "count_links",
    "find_headings",
    "find_images",
    "fold_accents",
    "make_excerpt",
    "make_snippet",
    "mark_words",
    "normalise_query",
    "opens_with",
    "plain_text",
    "query_prefix",
    "reading_minutes",
    "render_comment",
    "render_markdown",
    "shortened",
    "slugify",
    "split_words",
]
