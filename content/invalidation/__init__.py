"""A changed row and its tags: one service for signals, the importer and every other bulk write."""

from content.invalidation.bulk import changed_posts
from content.invalidation.commit import invalidate_on_commit
from content.invalidation.post_facts import post_facts, tags_of_changes
from content.invalidation.rows import tags_of

__all__ = ["changed_posts", "invalidate_on_commit", "post_facts", "tags_of", "tags_of_changes"]
