from content import dependencies
from content.caching import Resource
from content.resources import policies
from content.selectors import terms

category = Resource(
    "category",
    load=terms.category_by_slug,
    load_many=terms.categories_by_slug,
    policy=policies.TERM,
    tags=lambda slug: (dependencies.slug("category", slug),),
    value_tags=lambda document: (dependencies.row("category", document.id),),
)

tag = Resource(
    "tag",
    load=terms.tag_by_slug,
    load_many=terms.tags_by_slug,
    policy=policies.TERM,
    tags=lambda slug: (dependencies.slug("tag", slug),),
    value_tags=lambda document: (dependencies.row("tag", document.id),),
)

author = Resource(
    "author",
    load=terms.author_by_slug,
    load_many=terms.authors_by_slug,
    policy=policies.TERM,
    tags=lambda slug: (dependencies.slug("author", slug),),
    value_tags=lambda document: (dependencies.row("author", document.id),),
)
