class CommentRefused(Exception):
    """A comment that is not taken; the class says why."""


class NoSuchPost(CommentRefused):
    """There is no such post that readers may see."""


class CommentsClosed(CommentRefused):
    """Under this post, or on the whole site, nobody can comment."""


class AlreadySaid(CommentRefused):
    """The same words by the same name stand, or wait, under this post already."""
