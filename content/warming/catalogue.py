"""All that can be warmed, read from the database: a plan made from cached values would be out of date.

Responses of the API are warmed by the entries that they read.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from django.db.models import Count, F, Q
from django.db.models.functions import TruncMonth
from django.utils import timezone

from content import resources
from content.documents import YEARS, PeriodsDocument
from content.documents.site import KEYS_A_PART
from content.models import Author, Category, Post, PostQuerySet, Tag
from content.warming.targets import Plan, Target

PostRow = tuple[int, str, str]
TermRow = tuple[int, str, int]
MonthRow = tuple[int, int, int]


def public_posts() -> PostQuerySet:
    return Post.objects.public(timezone.now()).order_by("-published_at", "-pk")


async def load_posts() -> list[PostRow]:
    """Id, kind and slug of all public posts and pages, newest first."""
    return [row async for row in public_posts().values_list("pk", "kind", "slug")]


async def load_post(slug: str) -> list[PostRow]:
    """The public post with that slug, or an empty list."""
    return [row async for row in public_posts().posts().filter(slug=slug).values_list("pk", "kind", "slug")]


async def load_newest_posts(count: int) -> list[PostRow]:
    rows = public_posts().posts().values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def load_newest_pages(count: int) -> list[PostRow]:
    rows = public_posts().filter(kind=Post.Kind.PAGE).values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def load_most_viewed_posts(count: int) -> list[PostRow]:
    viewed = Post.objects.public(timezone.now()).filter(view_counts__total__gt=0)
    rows = viewed.order_by("-view_counts__heat").values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def load_terms(kind: str) -> list[TermRow]:
    """Id, slug and number of public posts of each author, category or tag with posts."""
    models: dict[str, Any] = {"author": Author, "category": Category, "tag": Tag}
    public = Q(posts__in=Post.objects.public(timezone.now()).posts())
    rows = models[kind].objects.annotate(uses=Count("posts", filter=public)).filter(uses__gt=0)
    return [row async for row in rows.order_by("-uses").values_list("pk", "slug", "uses")]


async def load_months() -> list[MonthRow]:
    """Year, month and number of public posts of each month with posts."""
    zone = timezone.get_default_timezone()
    by_month = public_posts().posts().annotate(month=TruncMonth("published_at", tzinfo=zone)).order_by("-month")
    rows = by_month.values_list("month").annotate(Count("pk"))
    return [(month.year, month.month, posts) async for month, posts in rows if month.year in YEARS]


async def load_sitemap_parts() -> list[int]:
    """The numbers of the parts that are not empty."""
    numbered = public_posts().annotate(part=F("pk") / KEYS_A_PART + 1).order_by("part")
    return [number async for number in numbered.values_list("part", flat=True).distinct()]


async def count_posts() -> int:
    return await Post.objects.public(timezone.now()).posts().acount()


List = tuple[str, int]
# The default size of a list.
FIRST_PAGE = 20
# Lists in one query for counts.
LISTS_AT_ONCE = 100
ITEM_PATH = re.compile(r"/api/v1/(posts|pages|categories|tags|authors)/([-\w]{1,200})/")
ITEMS = {
    "posts": lambda slug: Target(resources.post, ("post", slug)),
    "pages": lambda slug: Target(resources.post, ("page", slug)),
    "categories": lambda slug: Target(resources.category, (slug,)),
    "tags": lambda slug: Target(resources.tag, (slug,)),
    "authors": lambda slug: Target(resources.author, (slug,)),
}
LISTS = {
    "/api/v1/": Target(resources.site),
    "/api/v1/posts/": Target(resources.periods, ("all", 0)),
    "/api/v1/pages/": Target(resources.periods, ("pages", 0)),
    "/api/v1/authors/": Target(resources.directory_index, ("author",)),
    "/api/v1/categories/": Target(resources.directory_index, ("category",)),
    "/api/v1/tags/": Target(resources.directory_index, ("tag",)),
    "/api/v1/popular/": Target(resources.popular),
    "/api/v1/trending/": Target(resources.trending),
}
POSTS: dict[str, List] = {"/api/v1/posts/": ("all", 0), "/api/v1/pages/": ("pages", 0)}
DIRECTORIES = {"/api/v1/authors/": "author", "/api/v1/categories/": "category", "/api/v1/tags/": "tag"}


async def plan_lists() -> Plan:
    """All lists, and the first part of each: they are few, and read often."""
    return [*LISTS.values(), *chain.from_iterable([await plan_first_parts(path) for path in LISTS])]


async def plan_first_parts(path: str) -> Plan:
    """The entries that the first page of a list reads beside the list itself."""
    if path in POSTS:
        return [target for target in await plan_windows([POSTS[path]]) if target.resource is resources.window]
    if path in DIRECTORIES:
        kind = DIRECTORIES[path]
        starts = (await resources.directory_index.load(kind)).starts[:1]
        return [Target(resources.directory, (kind, start)) for start in starts]
    return []


async def load_periods(lists: Sequence[List]) -> Mapping[List, PeriodsDocument]:
    """Load from the database: a plan made from cached values would be out of date."""
    return await resources.periods.load_many(lists) if resources.periods.load_many else {}


async def plan_windows(lists: Sequence[List]) -> Plan:
    """The periods of each list, and the windows that its first page reads."""
    plan: Plan = []
    for first in range(0, len(lists), LISTS_AT_ONCE):
        documents = await load_periods(lists[first : first + LISTS_AT_ONCE])
        for (by, pk), document in documents.items():
            plan.append(Target(resources.periods, (by, pk)))
            posts = 0
            for period in document.periods:
                plan.append(Target(resources.window, (by, pk, period.number, period.part)))
                posts += period.posts
                if posts > FIRST_PAGE:
                    break
    return plan


async def plan_response(path: str) -> Plan:
    """The entries that the response at that path reads. Raises LookupError for a path that is not planned."""
    item = ITEM_PATH.fullmatch(path)
    if item:
        return [ITEMS[item[1]](item[2])]
    if path not in LISTS:
        raise LookupError(f"{path} is no path of the API that can be warmed. Try {', '.join(LISTS)}.")
    return [
        LISTS[path],
        *await plan_first_parts(path),
        *(Target(resources.post_card, (pk,)) for pk in await load_listed_ids(path)),
    ]


async def load_listed_ids(path: str) -> Sequence[int]:
    """The ids of the posts or pages in that list."""
    match path:
        case "/api/v1/posts/":
            return [pk for pk, _, _ in await load_newest_posts(FIRST_PAGE)]
        case "/api/v1/pages/":
            return [pk for pk, _, _ in await load_newest_pages(FIRST_PAGE)]
        case "/api/v1/popular/":
            return await resources.popular.get()
        case "/api/v1/trending/":
            return await resources.trending.get()
    return ()
