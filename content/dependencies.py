"""The names of tags: what an entry says it depends on, and what a changed row says has changed.

A row has a tag of its own (`category:7`), and, where posts are listed by it, one for that list
(`category:7:posts`): a new name is shown where the category is, a new post only in its list. What was asked
for by slug depends on the slug too (`category-slug:news`), so that "not there" ends when it comes to be.
"""

SITE = "site"
POSTS = "posts"
TERMS = "terms"
PAGES = "pages"
AUTHORS = "authors"
# What can be found: any change of a public post may change any search.
SEARCH = "search"


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
    """The list of posts of an author, category or tag: who is in it, in which order."""
    return f"{kind}:{pk}:posts"


def slug(kind: str, text: str) -> str:
    """kind: post, author, category or tag."""
    return f"{kind}-slug:{text}"


def redirect(path: str) -> str:
    return f"redirect:{path}"
