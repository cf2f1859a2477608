"""Resources: the name, loader, policy and tags of each cached value. Loaders are in `content.selectors`."""

from typing import Any

from content.caching import Resource
from content.resources.lists import archive, listing, matches, periods, popular, search, trending, window
from content.resources.posts import comments, draft, neighbours, post, post_card, related, withdrawn
from content.resources.site import redirect, site, sitemap_part, sitemap_summary, sitemap_terms
from content.resources.terms import author, category, directory, directory_index, sidebar, tag

POSTS = (post, post_card, withdrawn, related, neighbours, comments)
LISTS = (listing, archive, periods, window, directory_index, directory, sidebar, popular, trending, search, matches)
SITEMAPS = (sitemap_summary, sitemap_part, sitemap_terms)
ALL = (site, redirect, *POSTS, *LISTS, category, tag, author, *SITEMAPS)
BY_NAME: dict[str, Resource[..., Any]] = {resource.name: resource for resource in ALL}

__all__ = [
    "ALL",
    "BY_NAME",
    "archive",
    "author",
    "category",
    "comments",
    "directory",
    "directory_index",
    "draft",
    "listing",
    "matches",
    "neighbours",
    "periods",
    "popular",
    "post",
    "post_card",
    "redirect",
    "related",
    "search",
    "sidebar",
    "site",
    "sitemap_part",
    "sitemap_summary",
    "sitemap_terms",
    "tag",
    "trending",
    "window",
    "withdrawn",
]
