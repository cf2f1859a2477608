from content import dependencies
from content.caching import Resource
from content.resources import policies
from content.selectors import site as sites

site = Resource("site", load=sites.site, policy=policies.SITE, tags=lambda: (dependencies.SITE,))

redirect = Resource(
    "redirect",
    load=sites.redirect_from,
    load_many=sites.redirects_from,
    policy=policies.REDIRECT,
    tags=lambda path: (dependencies.redirect(path),),
)
