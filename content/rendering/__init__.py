"""Markdown to safe HTML. Pure: no Django, no I/O."""

from content.rendering.markdown import render_markdown

__all__ = ["render_markdown"]
