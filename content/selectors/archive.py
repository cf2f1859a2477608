from django.db.models import Count, Max
from django.db.models.functions import TruncMonth
from django.utils import timezone

from content.caching import NotThere
from content.documents import ArchiveDocument, MonthCount
from content.documents.archive import ALL_YEARS, YEARS
from content.selectors.listings import listed, next_publication


async def archive(year: int) -> ArchiveDocument:
    """Months with counts of public posts, of a year or of ALL_YEARS: two queries. A year without any is not there."""
    now = timezone.now()
    everything = listed("year", year) if year != ALL_YEARS else listed("all", 0)
    public = everything.filter(published_at__lte=now)
    by_month = public.annotate(
        month=TruncMonth("published_at", tzinfo=timezone.get_default_timezone()),
    ).order_by("-month")
    rows = by_month.values_list("month").annotate(Count("pk"), Max("published_at"))
    months = [
        MonthCount(month.year, month.month, posts, newest)
        async for month, posts, newest in rows
        if month.year in YEARS
    ]
    upcoming = await next_publication(everything, now)
    if year != ALL_YEARS and not months:
        raise NotThere(f"nothing in {year}", until=upcoming)
    return ArchiveDocument(months=tuple(months), next_publication=upcoming)
