"""What is cached: name, loader, policy and tags of each resource, all in this one place."""

from typing import Any

from content.caching import Resource
from content.resources.listings import archive, listing, popular, sidebar, trending
from content.resources.posts import post, post_card, withdrawn
from content.resources.site import redirect, site
from content.resources.sitemap import sitemap_part, sitemap_summary, sitemap_terms
from content.resources.terms import author, category, tag

ALL = (
    *(site, redirect, post, post_card, withdrawn, listing, archive, sidebar, popular, trending),
    *(category, tag, author, sitemap_summary, sitemap_part, sitemap_terms),
)
BY_NAME: dict[str, Resource[..., Any]] = {resource.name: resource for resource in ALL}

__all__ = [
    "ALL",
    "BY_NAME",
    "archive",
    "author",
    "category",
    "listing",
    "popular",
    "post",
    "post_card",
    "redirect",
    "sidebar",
    "site",
    "sitemap_part",
    "sitemap_summary",
    "sitemap_terms",
    "tag",
    "trending",
    "withdrawn",
]
