"""What answers of the API are made of."""

import re
from collections.abc import Sequence

from content import resources
from content.warming import catalogue
from content.warming.target import Plan, Target

# As many as a list has that was asked for without a word.
FIRST_PAGE = 20
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
    "/api/v1/posts/": Target(resources.sequence, ("all", 0)),
    "/api/v1/pages/": Target(resources.sequence, ("pages", 0)),
    "/api/v1/authors/": Target(resources.directory, ("author",)),
    "/api/v1/categories/": Target(resources.directory, ("category",)),
    "/api/v1/tags/": Target(resources.directory, ("tag",)),
    "/api/v1/popular/": Target(resources.popular),
    "/api/v1/trending/": Target(resources.trending),
}


def lists() -> Plan:
    """Whole lists, of which every answer with any filter is cut: few, and each is asked for by many."""
    return list(LISTS.values())


async def plan_answer(path: str) -> Plan:
    """What is read for the answer at that path. LookupError if there is none that is asked for often."""
    one = ONE.fullmatch(path)
    if one:
        return [ONES[one[1]](one[2])]
    if path not in LISTS:
        raise LookupError(f"{path} is no answer of the API that can be warmed: try {', '.join(LISTS)}.")
    return [LISTS[path], *(Target(resources.post_card, (pk,)) for pk in await listed_at(path))]


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
