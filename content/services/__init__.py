"""Writes: synchronous, each in a transaction of its own, telling readers' caches what has changed."""
