"""Markdown, and what readers type, to safe HTML. Pure: no Django, no I/O."""

from content.rendering.comments import count_links, render_comment
from content.rendering.errors import BodyTooLarge
from content.rendering.markdown import render_markdown
from content.rendering.slugs import slugify
from content.rendering.text import make_excerpt, plain_text, reading_minutes, shortened

__all__ = [
    "BodyTooLarge",
    "count_links",
    "make_excerpt",
    "plain_text",
    "reading_minutes",
    "render_comment",
    "render_markdown",
    "shortened",
    "slugify",
]
