"""Markdown to safe HTML. Pure: no Django, no I/O."""

from content.rendering.errors import BodyTooLarge
from content.rendering.layout import images, laid_out
from content.rendering.markdown import render_markdown
from content.rendering.outline import Heading, outline
from content.rendering.slugs import slugify
from content.rendering.text import make_excerpt, plain_text, reading_minutes, shortened

__all__ = [
    "BodyTooLarge",
    "Heading",
    "images",
    "laid_out",
    "make_excerpt",
    "outline",
    "plain_text",
    "reading_minutes",
    "render_markdown",
    "shortened",
    "slugify",
]
