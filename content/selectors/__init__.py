"""Loaders: asynchronous reads of the database that return documents. Only resources call them.

Files here, in `content.documents` and in `content.resources` have the same names. Large ones are split here:
`related` belongs to posts; `archive` and `search` belong to lists.
"""
