from content import cache_tags
from content.caching import Resource
from content.caching.key import weak_tag
from content.resources import policies
from content.resources.policies import until_next_publication
from content.selectors import terms

category = Resource(
    "category",
    load=terms.load_category,
    load_many=terms.load_categories,
    policy=policies.TERM,
    tags=lambda slug: (cache_tags.slug("category", slug),),
    value_tags=lambda document: (cache_tags.row("category", document.id),),
)

tag = Resource(
    "tag",
    load=terms.load_tag,
    load_many=terms.load_tags,
    policy=policies.TERM,
    tags=lambda slug: (cache_tags.slug("tag", slug),),
    value_tags=lambda document: (cache_tags.row("tag", document.id),),
)

author = Resource(
    "author",
    load=terms.load_author,
    load_many=terms.load_authors,
    policy=policies.TERM,
    tags=lambda slug: (cache_tags.slug("author", slug),),
    value_tags=lambda document: (cache_tags.row("author", document.id),),
)


def terms_tag(kind: str) -> str:
    return cache_tags.AUTHORS if kind == "author" else cache_tags.TERMS


# kind: author, category or tag.
directory_index = Resource(
    "directory_index",
    load=terms.load_directory_index,
    load_many=terms.load_directory_indexes,
    policy=policies.DIRECTORY,
    tags=lambda kind: (terms_tag(kind),),
)

# start: the first slug of a part, as the index has it.
directory = Resource(
    "directory",
    load=terms.load_directory,
    load_many=terms.load_directories,
    policy=policies.DIRECTORY,
    tags=lambda kind, start: (cache_tags.POSTS, terms_tag(kind)),
    adapt=until_next_publication,
)

sidebar = Resource(
    "sidebar",
    load=terms.load_sidebar,
    policy=policies.SIDEBAR,
    tags=lambda: (weak_tag(cache_tags.POSTS), weak_tag(cache_tags.TERMS)),
    cutoff=True,
    adapt=until_next_publication,
)
