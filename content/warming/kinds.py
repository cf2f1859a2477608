"""Kinds of entries, for reports: a resource by its name, a page by what it shows. There are few of both."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from content import resources
from content.warming.items import FEEDS, KINDS
from content.warming.targets import Target, pages

# Kinds by the first part of the path.
_BY_PART = {
    "": "home",
    "api": "api",
    "archive": "archive",
    "popular": "ranking",
    "posts": "post",
    "search": "search",
    "trending": "ranking",
    **KINDS,
}
_SITEMAP = re.compile(r"/sitemap(-\d+)?\.xml")
OTHER = "other"
PAGE_KINDS = frozenset({*_BY_PART.values(), "feed", "sitemap", OTHER})


class Kind(NamedTuple):
    """`page`: what the page shows; "" for an entry of a resource."""

    resource: str
    page: str = ""

    def __str__(self) -> str:
        return f"{self.resource}: {self.page}" if self.page else self.resource


def kind_of(target: Target) -> Kind:
    if target.resource is not pages:
        return Kind(target.resource.name)
    return Kind(pages.name, kind_of_path(urlsplit(target.parameters[0]).path))


def kind_of_path(path: str) -> str:
    """Old paths, pages without a date and the like are "other"."""
    first = path[1:].partition("/")[0]
    if path.rpartition("/")[2] in FEEDS and first != "api":
        return "feed"
    if _SITEMAP.fullmatch(path):
        return "sitemap"
    return _BY_PART.get(first, OTHER)


def is_known(kind: Kind) -> bool:
    """Whether it is one of this site: reports are read from a shared store."""
    if kind.resource == pages.name:
        return kind.page in PAGE_KINDS
    return not kind.page and kind.resource in resources.BY_NAME
