class BodyTooLarge(ValueError):
    """A body past the bound: nobody reads it as one page, and rendering it would take too long."""
