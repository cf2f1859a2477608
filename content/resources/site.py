from content import dependencies
from content.caching import RARE, STATIC, Resource
from content.selectors import site as sites

site = Resource("site", load=sites.site, policy=STATIC, tags=lambda: (dependencies.SITE,))

# Mostly asked for paths that are not there.
redirect = Resource(
    "redirect", load=sites.redirect_from, policy=RARE, tags=lambda path: (dependencies.redirect(path),)
)
