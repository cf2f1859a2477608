class CannotStart(Exception):
    """Why the service cannot be started, and what would help."""
