"""Authors, categories and tags by name, made where they are missing."""

from typing import Any, Generic, TypeVar

from content.models import Author, Category, Tag
from content.rendering import slugify

Term = TypeVar("Term", Author, Category, Tag)


class TermBook(Generic[Term]):
    """One kind of term by slug: "Open Source" and "open source" are the same one."""

    def __init__(self, model: Any, fallback: str) -> None:
        self.model = model
        self.fallback = fallback
        self.by_slug: dict[str, Term] = {}
        self.made: list[Term] = []

    def reload(self) -> None:
        """Before each transaction, so that none made in one that failed is used again."""
        self.by_slug = {term.slug: term for term in self.model._default_manager.all()}
        self.made = []

    def named(self, name: str) -> Term:
        slug = slugify(name, fallback=self.fallback)
        if slug not in self.by_slug:
            term = self.model(slug=slug, name=name)
            term.save()
            self.by_slug[slug] = term
            self.made.append(term)
        return self.by_slug[slug]


class Terms:
    """All three kinds."""

    def __init__(self) -> None:
        self.authors = TermBook(Author, "author")
        self.categories = TermBook(Category, "category")
        self.tags = TermBook(Tag, "tag")

    def reload(self) -> None:
        self.authors.reload()
        self.categories.reload()
        self.tags.reload()
