"""Fragments of templates that are cached by themselves, each with its own lifetime and the values it varies on."""

from .rendering import render, render_to_string

__all__ = ["render", "render_to_string"]
