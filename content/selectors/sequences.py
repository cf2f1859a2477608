from django.utils import timezone

from content.documents import SequenceDocument, microseconds
from content.models import Post
from content.selectors.listings import listed, next_publication

# Some 3 MB of ids and times. Older posts are found by their slugs and on the pages of lists.
LONGEST = 200_000


async def sequence(by: str, pk: int) -> SequenceDocument:
    """The whole list of those posts, or of all pages (by: pages), newest first: two queries."""
    now = timezone.now()
    announced = Post.objects.announced().filter(kind=Post.Kind.PAGE) if by == "pages" else listed(by, pk)
    public = announced.filter(published_at__lte=now).order_by("-published_at", "-pk")
    rows = [row async for row in public.values_list("pk", "published_at")[:LONGEST]]
    return SequenceDocument(
        ids=tuple([row[0] for row in rows]),
        times=tuple([microseconds(moment) for _, moment in rows if moment is not None]),
        next_publication=await next_publication(announced, now),
    )
