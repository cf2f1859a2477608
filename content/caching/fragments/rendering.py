from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template import loader

from .page import render_with_fragments


async def render_to_string(
    template_name: str | Sequence[str],
    context: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    *,
    using: str | None = None,
) -> str:
    """As Django's, for templates with fragments: one lookup for all that the page has."""
    template = (
        loader.get_template(template_name, using=using)
        if isinstance(template_name, str)
        else loader.select_template(list(template_name), using=using)
    )

    async def on_this_loop() -> str:
        return template.render(dict(context or {}), request)

    return await render_with_fragments(on_this_loop)


async def render(
    request: HttpRequest,
    template_name: str | Sequence[str],
    context: Mapping[str, Any] | None = None,
    content_type: str | None = None,
    status: int | None = None,
    using: str | None = None,
) -> HttpResponse:
    """As django.shortcuts.render, for async views."""
    text = await render_to_string(template_name, context, request, using=using)
    return HttpResponse(text, content_type=content_type, status=status)
