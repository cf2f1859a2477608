"""One file a kind of thing; each declares its endpoints when it is imported."""

from content.api.endpoints import directories, index, pages, posts, rankings, terms

__all__ = ["directories", "index", "pages", "posts", "rankings", "terms"]
