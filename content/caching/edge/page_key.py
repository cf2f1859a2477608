"""Keys and tags of pages. A key carries the release, so two releases never read each other's pages (I18).

A tag does not: an invalidation and a purge by URL reach the pages of all releases.
"""

from collections.abc import Iterable
from functools import cache

from ..declarations import kinds
from ..release import release_digest
from .rules.fields import Fields
from .rules.variants import name_of_url, name_of_variant

# The format of stored pages.
_FORMAT = "page@1"


def url_key(url: str) -> str:
    """The key of a URL. The method is not part of it, since only responses to GET are stored."""
    return key_prefix(release_digest()) + name_of_url(url)


def variant_key(url: str, vary: Iterable[str], request: Fields) -> str:
    """The key of the variant that a request selects by the field names in `vary`."""
    return key_prefix(release_digest()) + name_of_variant(url, vary, request)


def url_tag(url: str) -> str:
    """The tag of all values stored for a URL, by whatever release."""
    return f"{_FORMAT}:{name_of_url(url)}"


@cache
def key_prefix(release: str) -> str:
    """The beginning of the keys of all pages of a release; "" for a process without one."""
    kind = f"{_FORMAT}.{release}" if release else _FORMAT
    kinds.add(kind)
    return f"{kind}:"
