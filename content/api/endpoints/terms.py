from django.http import HttpRequest

from content import resources
from content.api.app import api
from content.api.parameters import Slug
from content.api.shapes import Author, Term
from content.api.shaping import whole_author, whole_term


@api.endpoint("/authors/{word:slug}/", Author, about="Authors, categories, tags")
async def author(request: HttpRequest, slug: Slug) -> Author:
    """An author."""
    return whole_author(await resources.author.get(slug))


@api.endpoint("/categories/{word:slug}/", Term, about="Authors, categories, tags")
async def category(request: HttpRequest, slug: Slug) -> Term:
    """A category."""
    return whole_term(await resources.category.get(slug))


@api.endpoint("/tags/{word:slug}/", Term, about="Authors, categories, tags")
async def tag(request: HttpRequest, slug: Slug) -> Term:
    """A tag."""
    return whole_term(await resources.tag.get(slug))
