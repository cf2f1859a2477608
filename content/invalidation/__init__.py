"""The site's watched models: the tags that each change of a row invalidates."""

from content.invalidation.watches import declare_watches

__all__ = ["declare_watches"]
