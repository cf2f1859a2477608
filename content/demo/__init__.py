"""The demo site, and sites of any size: posts that a generator writes from the fixture's sentences."""

from content.demo.store import MAX_POSTS, generate_demo, generate_posts

__all__ = ["MAX_POSTS", "generate_demo", "generate_posts"]
