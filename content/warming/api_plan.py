"""Plans for responses of the API, by their paths."""

import re
from collections.abc import Sequence

from content import resources
from content.warming import rows
from content.warming.items import API, TERM_PATHS, list_windows
from content.warming.rows import List
from content.warming.targets import Plan, Target

# The default size of a list.
FIRST_PAGE = 20
ITEM_PATH = re.compile(r"/api/v1/(posts|pages|categories|tags|authors)/([-\w]{1,200})/")
ITEMS = {
    "posts": lambda slug: Target(resources.post, ("post", slug)),
    "pages": lambda slug: Target(resources.post, ("page", slug)),
    "categories": lambda slug: Target(resources.category, (slug,)),
    "tags": lambda slug: Target(resources.tag, (slug,)),
    "authors": lambda slug: Target(resources.author, (slug,)),
}
POSTS: dict[str, List] = {f"{API}/posts/": ("all", 0), f"{API}/pages/": ("pages", 0)}
DIRECTORIES = {f"{API}/{path}/": kind for kind, path in TERM_PATHS.items()}
RANKINGS = {f"{API}/popular/": resources.popular, f"{API}/trending/": resources.trending}
PATHS = (f"{API}/", *POSTS, *DIRECTORIES, *RANKINGS)


async def plan_response(path: str) -> Plan:
    """The entries that the response at that path reads. Raises LookupError for a path that is not planned."""
    item = ITEM_PATH.fullmatch(path)
    if item:
        return [ITEMS[item[1]](item[2])]
    if path in POSTS:
        return await plan_posts(POSTS[path])
    if path in DIRECTORIES:
        return await plan_directory(DIRECTORIES[path])
    if path in RANKINGS:
        return [Target(RANKINGS[path]), *plan_cards(await RANKINGS[path].get())]
    if path == f"{API}/":
        return [Target(resources.site)]
    raise LookupError(f"{path} is no path of the API that can be warmed. Try {', '.join(PATHS)}.")


async def plan_posts(wanted: List) -> Plan:
    """The first page of a list of posts or pages."""
    by, pk = wanted
    document = (await rows.periods_of([wanted]))[wanted]
    newest = await rows.newest_posts(FIRST_PAGE, "page" if by == "pages" else "post")
    windows = [item for item in list_windows(by, pk, document) if isinstance(item, Target)]
    return [*windows, *plan_cards([pk for pk, _, _ in newest])]


async def plan_directory(kind: str) -> Plan:
    starts = (await resources.directory_index.load(kind)).starts[:1]
    return [
        Target(resources.directory_index, (kind,)),
        *(Target(resources.directory, (kind, start)) for start in starts),
    ]


def plan_cards(pks: Sequence[int]) -> Plan:
    return [Target(resources.post_card, (pk,)) for pk in pks]
