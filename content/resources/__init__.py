"""What is cached: name, loader, policy and tags of each resource, all in this one place."""

from typing import Any

from content.caching import Resource
from content.resources.comments import comments
from content.resources.drafts import draft
from content.resources.listings import listing, popular, sidebar, trending
from content.resources.nearby import neighbours, related
from content.resources.posts import post, post_card
from content.resources.search import search
from content.resources.site import redirect, site
from content.resources.terms import author, category, tag

ALL = (
    *(site, redirect, post, post_card, related, neighbours, comments, search),
    *(listing, sidebar, popular, trending, category, tag, author),
)
BY_NAME: dict[str, Resource[..., Any]] = {resource.name: resource for resource in ALL}

__all__ = [
    "ALL",
    "BY_NAME",
    "author",
    "category",
    "comments",
    "draft",
    "listing",
    "neighbours",
    "popular",
    "post",
    "post_card",
    "redirect",
    "related",
    "search",
    "sidebar",
    "site",
    "tag",
    "trending",
]
