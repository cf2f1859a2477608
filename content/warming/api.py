"""What answers of the API are made of."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain

from content import resources
from content.documents import PeriodsDocument
from content.warming import catalogue
from content.warming.target import Plan, Target

List = tuple[str, int]
# As many as a list has that was asked for without a word.
FIRST_PAGE = 20
# Lists whose counts are read in one query.
LISTS_AT_ONCE = 100
ONE = re.compile(r"/api/v1/(posts|pages|categories|tags|authors)/([-\w]{1,200})/")
ONES = {
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


async def lists() -> Plan:
    """Lists, and of each the part that its first answer is cut from: few, and each is asked for by many."""
    return [*LISTS.values(), *chain.from_iterable([await first_parts(path) for path in LISTS])]


async def first_parts(path: str) -> Plan:
    """What is read for the first answer beside the list's own entry."""
    if path in POSTS:
        return [target for target in await posts_of([POSTS[path]]) if target.resource is resources.window]
    if path in DIRECTORIES:
        kind = DIRECTORIES[path]
        starts = (await resources.directory_index.load(kind)).starts[:1]
        return [Target(resources.directory, (kind, start)) for start in starts]
    return []


async def periods_of(lists: Sequence[List]) -> Mapping[List, PeriodsDocument]:
    """As the database has them now: a plan made from cache would warm what was."""
    return await resources.periods.load_many(lists) if resources.periods.load_many else {}


async def posts_of(lists: Sequence[List]) -> Plan:
    """How each list is cut, and the windows that its first answer is cut from."""
    plan: Plan = []
    for first in range(0, len(lists), LISTS_AT_ONCE):
        found = await periods_of(lists[first : first + LISTS_AT_ONCE])
        for (by, pk), document in found.items():
            plan.append(Target(resources.periods, (by, pk)))
            posts = 0
            for period in document.periods:
                plan.append(Target(resources.window, (by, pk, period.number, period.part)))
                posts += period.posts
                if posts > FIRST_PAGE:
                    break
    return plan


async def plan_answer(path: str) -> Plan:
    """What is read for the answer at that path. LookupError if there is none that is asked for often."""
    one = ONE.fullmatch(path)
    if one:
        return [ONES[one[1]](one[2])]
    if path not in LISTS:
        raise LookupError(f"{path} is no answer of the API that can be warmed: try {', '.join(LISTS)}.")
    return [
        LISTS[path],
        *await first_parts(path),
        *(Target(resources.post_card, (pk,)) for pk in await listed_at(path)),
    ]


async def listed_at(path: str) -> Sequence[int]:
    """The ids of the posts or pages in that answer."""
    match path:
        case "/api/v1/posts/":
            return [pk for pk, _, _ in await catalogue.newest_posts(FIRST_PAGE)]
        case "/api/v1/pages/":
            return [pk for pk, _, _ in await catalogue.newest_pages(FIRST_PAGE)]
        case "/api/v1/popular/":
            return await resources.popular.get()
        case "/api/v1/trending/":
            return await resources.trending.get()
    return ()
