"""`manage.py serve`: a parent that owns the socket, and workers that serve. The parent does not load Django.

A restart therefore replaces all code of the site, and the parent stays small. docs/decisions.md compares this parent
with uvicorn's own supervisor.
"""
