"""What is cached: name, loader, policy and tags of each resource, all in this one place."""

from typing import Any

from content.caching import Resource
from content.resources.comments import comments
from content.resources.listings import directory, listing, popular, sequence, sidebar, trending
from content.resources.posts import post, post_card
from content.resources.search import matches, search
from content.resources.site import redirect, site
from content.resources.terms import author, category, tag

LISTS = (listing, sequence, directory, sidebar, popular, trending)
ALL = (site, redirect, post, post_card, *LISTS, category, tag, author, comments, search, matches)
BY_NAME: dict[str, Resource[..., Any]] = {resource.name: resource for resource in ALL}

__all__ = [
    "ALL",
    "BY_NAME",
    "author",
    "category",
    "comments",
    "directory",
    "listing",
    "matches",
    "popular",
    "post",
    "post_card",
    "redirect",
    "search",
    "sequence",
    "sidebar",
    "site",
    "tag",
    "trending",
]
