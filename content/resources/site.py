from content import cache_tags
from content.caching import Resource
from content.resources import policies
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
