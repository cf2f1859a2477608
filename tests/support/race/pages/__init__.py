"""Rows as pages of two server processes, read over HTTP, with the checker watching."""
