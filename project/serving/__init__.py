"""`manage.py serve`: a parent that holds the socket and watches, and workers that serve.

The parent loads no Django: what a restart replaces is all of the site, and the parent stays small.
"""
