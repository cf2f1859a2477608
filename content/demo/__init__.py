"""A blog out of nothing: generated posts, people and pictures, the same for the same seed."""

from content.demo.blog import DemoBlog, grow_blog
from content.demo.store import store_blog

__all__ = ["DemoBlog", "grow_blog", "store_blog"]
