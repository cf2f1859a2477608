from datetime import timedelta

from django.utils import timezone

from content.models import Post, PostViews

# The pages of popular and trending posts go so far; the sidebar shows the first few.
HOW_MANY = 100
WINDOW = timedelta(days=1)
# Of the most viewed, public or not.
LOOKED_AT = 500


async def popular_ids() -> tuple[int, ...]:
    """The posts with the most views of all time, most viewed first."""
    most_viewed = PostViews.objects.filter(total__gt=0).order_by("-total").values("pk")[:LOOKED_AT]
    posts = Post.objects.public(timezone.now()).posts().filter(pk__in=most_viewed)
    ranked = posts.order_by("-view_counts__total", "-published_at")
    return tuple([pk async for pk in ranked.values_list("pk", flat=True)[:HOW_MANY]])


async def trending_ids() -> tuple[int, ...]:
    """The posts viewed within the last day, by views that fade with time."""
    now = timezone.now()
    hottest = PostViews.objects.order_by("-heat").values("pk")[:LOOKED_AT]
    posts = Post.objects.public(now).posts().filter(pk__in=hottest, view_counts__last_viewed_at__gt=now - WINDOW)
    ranked = posts.order_by("-view_counts__heat", "-published_at")
    return tuple([pk async for pk in ranked.values_list("pk", flat=True)[:HOW_MANY]])
