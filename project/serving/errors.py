class CannotServe(Exception):
    """Why nothing can be served, and what would help."""


class NotReady(Exception):
    """Why a new worker does not serve."""
