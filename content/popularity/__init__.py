"""Views of posts: counted in each process, collected in Redis, written to the database in batches.

count_view -> the process's buffer -> a stream in Redis, once a second -> PostViews, once each
"""

from content.popularity.buffer import count_view, flush_views
from content.popularity.writer import write_views

__all__ = ["count_view", "flush_views", "write_views"]
