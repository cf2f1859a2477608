"""Authors, categories and tags by name, made where they are missing."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from content.models import Author, Category, Tag
from content.rendering import slugify

Term = TypeVar("Term", Author, Category, Tag)


class TermBook(Generic[Term]):
    """The terms of one kind that a batch names: "Open Source" and "open source" are the same one."""

    def __init__(self, model: type[Term], names: Iterable[str], fallback: str) -> None:
        rows: Any = model._default_manager
        self.fallback = fallback
        wanted: dict[str, str] = {}
        for name in names:
            wanted.setdefault(self.slug(name), name)
        self.by_slug: dict[str, Term] = {term.slug: term for term in rows.filter(slug__in=wanted)}
        missing = [model(slug=slug, name=name) for slug, name in wanted.items() if slug not in self.by_slug]
        self.made: list[Term] = rows.bulk_create(missing)
        self.by_slug |= {term.slug: term for term in self.made}

    def slug(self, name: str) -> str:
        return slugify(name, fallback=self.fallback)

    def named(self, *names: str) -> list[Term]:
        """In order, each once."""
        return list(dict.fromkeys(self.by_slug[self.slug(name)] for name in names))
