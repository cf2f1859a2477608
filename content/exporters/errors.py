class CannotExport(Exception):
    """The folder cannot become an export; the message says why, and what to do."""
