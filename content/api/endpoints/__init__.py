"""The endpoints by their headings in the OpenAPI document. An import declares them."""

from content.api.endpoints import index, posts, search, terms

__all__ = ["index", "posts", "search", "terms"]
