"""What each change of a row means to readers: the declarations of the site's watched models."""

from content.invalidation.watches import declare

__all__ = ["declare"]
