"""What the head of a page says of it to other programs."""

from django import template
from django.template import Context, TemplateSyntaxError
from django.template.loader_tags import BLOCK_CONTEXT_KEY

from content.absolute_urls import absolute_url

register = template.Library()


@register.simple_tag(takes_context=True)
def absolute(context: Context, path: str) -> str:
    """The whole address of a path on this site."""
    return absolute_url(context["request"], path)


@register.simple_tag(takes_context=True)
def words_of(context: Context, name: str) -> str:
    """What a block of this page says, once more: its title and description are told to several readers."""
    block = context.render_context[BLOCK_CONTEXT_KEY].get_block(name)
    if block is None:
        raise TemplateSyntaxError(f"There is no block {name!r} to repeat.")
    return str(block.nodelist.render(context))
