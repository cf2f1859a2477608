class BodyTooLarge(ValueError):
    """A body past the bounds, in length or in depth: nobody reads it as one page, and it would take too long."""
