"""Parts of a page that are kept by themselves, each for its time and for whom it varies on."""

from .rendering import render, render_to_string

__all__ = ["render", "render_to_string"]
