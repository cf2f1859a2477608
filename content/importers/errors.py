class BadFile(ValueError):
    """A file that cannot become a post; the message is the reason, for the person who imports it."""
