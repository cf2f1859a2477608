"""One file a kind of thing; each declares its endpoints when it is imported."""

from content.api.endpoints import comments, directories, index, pages, posts, rankings, search, terms

__all__ = ["comments", "directories", "index", "pages", "posts", "rankings", "search", "terms"]
