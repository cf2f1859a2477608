"""The names of cache tags. Entries depend on them, and changed rows invalidate them.

A row has its own tag (`category:7`). Its list of posts has another (`category:7:posts`): a new name shows where the
category does, and a new post only in the list. An entry that was read by a slug depends on the slug too
(`category-slug:news`), so that a new row ends the result "not there".

Lists by time have tags by time: `archive:2018-05` stands for the posts of that month and their order.
"""

from datetime import date

SITE = "site"
POSTS = "posts"
TERMS = "terms"
PAGES = "pages"
# All results of the search: any change of a public post may change any of them.
SEARCH = "search"
# The authors with posts, and their slugs.
AUTHORS = "authors"
ARCHIVE = "archive"
SITEMAP = "sitemap"


def post(pk: int) -> str:
    return f"post:{pk}"


def comments(post: int) -> str:
    """The approved comments of a post."""
    return f"comments:{post}"


def media(pk: int) -> str:
    return f"media:{pk}"


def row(kind: str, pk: int) -> str:
    """kind: author, category or tag."""
    return f"{kind}:{pk}"


def posts_of(kind: str, pk: int) -> str:
    """The list of posts of an author, category or tag: its posts and their order."""
    return f"{kind}:{pk}:posts"


def slug(kind: str, text: str) -> str:
    """kind: post, author, category or tag."""
    return f"{kind}-slug:{text}"


def redirect(path: str) -> str:
    return f"redirect:{path}"


def archive_year(year: int) -> str:
    return f"archive:{year:04}"


def archive_month(year: int, month: int) -> str:
    """The posts of a month of the site's calendar, and their order."""
    return f"archive:{year:04}-{month:02}"


def archives(day: date) -> set[str]:
    """The tags of a post of that day of the site's calendar: the index, its year and its month."""
    return {ARCHIVE, archive_year(day.year), archive_month(day.year, day.month)}


def sitemap_part(number: int) -> str:
    return f"sitemap:{number}"
