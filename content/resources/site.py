from content import cache_tags
from content.caching import Resource
from content.resources import policies
from content.resources.policies import until_next_publication
from content.resources.terms import terms_tag
from content.selectors import sitemap
from content.selectors.site import load_redirect, load_redirects, load_site

site = Resource("site", load=load_site, policy=policies.SITE, tags=lambda: (cache_tags.SITE,))

# path: the old one.
redirect = Resource(
    "redirect",
    load=load_redirect,
    load_many=load_redirects,
    policy=policies.REDIRECT,
    tags=lambda path: (cache_tags.redirect(path),),
)


sitemap_summary = Resource(
    "sitemap_summary",
    load=sitemap.load_summary,
    policy=policies.SITEMAP,
    # New terms may add parts.
    tags=lambda: (cache_tags.SITEMAP, cache_tags.TERMS, cache_tags.AUTHORS),
    adapt=until_next_publication,
    schema=2,
)

# number: from 1, by the keys of posts and pages.
sitemap_part = Resource(
    "sitemap_part",
    load=sitemap.load_part,
    load_many=sitemap.load_parts,
    policy=policies.SITEMAP,
    tags=lambda number: (cache_tags.sitemap_part(number),),
    adapt=until_next_publication,
    schema=2,
)

# kind: category, tag or author; number: from 1, by their keys.
sitemap_terms = Resource(
    "sitemap_terms",
    load=sitemap.load_terms,
    load_many=sitemap.load_parts_of_terms,
    policy=policies.SITEMAP,
    tags=lambda kind, number: (cache_tags.POSTS, terms_tag(kind)),
    adapt=until_next_publication,
)
