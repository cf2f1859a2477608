from content import dependencies
from content.caching import Resource
from content.resources import policies
from content.resources.listings import until_next_publication
from content.selectors import sitemap

sitemap_summary = Resource(
    "sitemap_summary",
    load=sitemap.summary,
    policy=policies.SITEMAP,
    tags=lambda: (dependencies.SITEMAP,),
    adapt=until_next_publication,
)

# number: from 1, by the keys of posts and pages.
sitemap_part = Resource(
    "sitemap_part",
    load=sitemap.part,
    policy=policies.SITEMAP,
    tags=lambda number: (dependencies.sitemap_part(number),),
    adapt=until_next_publication,
    # Slugs of 200 letters, each three bytes, would still be kept.
    largest=8 * 1024 * 1024,
)

sitemap_terms = Resource(
    "sitemap_terms",
    load=sitemap.terms,
    policy=policies.SITEMAP,
    tags=lambda: (dependencies.POSTS, dependencies.TERMS, dependencies.AUTHORS),
    adapt=until_next_publication,
)
