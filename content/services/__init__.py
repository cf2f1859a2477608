"""Writes: synchronous, each in a transaction of its own."""
