"""The names of cache tags: entries depend on them, and changed rows invalidate them.

A post has a tag for each of its documents: `post:42:page` (all of it), `post:42:card` (as lists show it), and
`post:42:listing` (where it is listed). `post:42` is for purges by hand. Any other row has one tag (`category:7`).

A category, tag or author has another for its list of posts (`category:7:posts`): a new name changes each page that
shows the category, a new post only the list. An entry loaded by slug depends on the slug too (`category-slug:news`),
so that "not there" ends when the row is created.

Archives have tags by time: `archive:2018-05` is the list of posts of that month.
"""

from datetime import date

SITE = "site"
POSTS = "posts"
TERMS = "terms"
PAGES = "pages"
# All searches: any change of a public post may change any of them.
SEARCH = "search"
# The directory of authors.
AUTHORS = "authors"
ARCHIVE = "archive"
SITEMAP = "sitemap"


def post(pk: int) -> str:
    return f"post:{pk}"


def document(pk: int, name: str) -> str:
    """name: page, card or listing."""
    return f"post:{pk}:{name}"


def comments(post: int) -> str:
    """The approved comments of a post."""
    return f"comments:{post}"


def media(pk: int) -> str:
    return f"media:{pk}"


def row(kind: str, pk: int) -> str:
    """kind: author, category or tag."""
    return f"{kind}:{pk}"


def posts_of(kind: str, pk: int) -> str:
    """The list of posts of an author, category or tag: the posts and their order."""
    return f"{kind}:{pk}:posts"


def slug(kind: str, text: str) -> str:
    """kind: post, author, category or tag."""
    return f"{kind}-slug:{text}"


def redirect(path: str) -> str:
    return f"redirect:{path}"


def archive_year(year: int) -> str:
    return f"archive:{year:04}"


def archive_month(year: int, month: int) -> str:
    """The posts of a month by the site's time zone, and their order."""
    return f"archive:{year:04}-{month:02}"


def archives(day: date) -> set[str]:
    """The tags of a post published on that day by the site's time zone: all archives, its year and its month."""
    return {ARCHIVE, archive_year(day.year), archive_month(day.year, day.month)}


def sitemap_part(number: int) -> str:
    return f"sitemap:{number}"
