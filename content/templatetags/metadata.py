"""Tags for the head of a page: addresses and texts for other programs."""

from django import template
from django.template import Context, TemplateSyntaxError
from django.template.loader_tags import BLOCK_CONTEXT_KEY

from content.absolute_urls import absolute_url

register = template.Library()


@register.simple_tag(takes_context=True)
def absolute(context: Context, path: str) -> str:
    """The URL of a path on this site."""
    return absolute_url(context["request"], path)


@register.simple_tag(takes_context=True)
def block_text(context: Context, name: str) -> str:
    """The content of a block of this page, to repeat it: several fields have the page's title and description."""
    block = context.render_context[BLOCK_CONTEXT_KEY].get_block(name)
    if block is None:
        raise TemplateSyntaxError(f"There is no block {name!r} to repeat. Check its name in the template.")
    return str(block.nodelist.render(context))
