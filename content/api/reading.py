from content import resources
from content.api.problems import Gone
from content.caching import NotThere
from content.documents import PostDocument


async def found(kind: str, slug: str) -> PostDocument:
    """A public post or page (kind: post, page). Gone for one that was withdrawn, NotThere for any other."""
    try:
        return await resources.post.get(kind, slug)
    except NotThere:
        await resources.withdrawn.get(kind, slug)
        raise Gone(f"{kind} {slug!r}") from None
