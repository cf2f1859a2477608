from content import dependencies
from content.caching import Resource
from content.resources import policies
from content.resources.listings import until_next_publication
from content.selectors import sitemap

sitemap_summary = Resource(
    "sitemap_summary",
    load=sitemap.summary,
    policy=policies.SITEMAP,
    # Parts of terms come to be with new terms.
    tags=lambda: (dependencies.SITEMAP, dependencies.TERMS, dependencies.AUTHORS),
    adapt=until_next_publication,
    schema=2,
)

# number: from 1, by the keys of posts and pages.
sitemap_part = Resource(
    "sitemap_part",
    load=sitemap.part,
    load_many=sitemap.parts_by_number,
    policy=policies.SITEMAP,
    tags=lambda number: (dependencies.sitemap_part(number),),
    adapt=until_next_publication,
    schema=2,
)

# kind: category, tag or author; number: from 1, by their keys.
sitemap_terms = Resource(
    "sitemap_terms",
    load=sitemap.terms,
    policy=policies.SITEMAP,
    tags=lambda kind, number: (
        dependencies.POSTS,
        dependencies.AUTHORS if kind == "author" else dependencies.TERMS,
    ),
    adapt=until_next_publication,
)
