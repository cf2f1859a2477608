"""What an operator has named to be purged: tags, patterns, resources, addresses and groups; and its scope."""

import re
from dataclasses import dataclass
from fnmatch import translate
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from content import resources
from content.caching.edge.page_store import KIND, path_tag
from content.caching.key import MAX_TAG_LENGTH, check_tags, resource_tag
from content.nearest import in_words, nearest
from content.purging.groups import tags_of_group
from content.purging.scope import Item, Scope

# Things that one purge may name.
MOST_NAMED = 1000
LONGEST_URL = 2048
# Names of fragments begin with it. They are known only once their templates were rendered.
FRAGMENT = "fragment."


class BadSelection(ValueError):
    """What an operator has named cannot be purged; its text says why, and what to write."""


@dataclass(frozen=True)
class Selection:
    """`patterns`: of tags, with * ? and [abc]; one that begins with / is of the paths of pages."""

    tags: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    everything: bool = False

    @property
    def count(self) -> int:
        return sum(map(len, (self.tags, self.patterns, self.names, self.urls, self.groups))) + self.everything


def resolve(selection: Selection) -> Scope:
    """Reads the database for groups. Raises BadSelection."""
    if not selection.count:
        raise BadSelection(
            "Nothing is named. Name a tag, a pattern, a resource, an address or a group, or everything."
        )
    if selection.count > MOST_NAMED:
        raise BadSelection(
            f"{selection.count:,} things are named; {MOST_NAMED:,} are the most. Use a pattern, a resource or --all."
        )
    try:
        check_tags(selection.tags)
        return Scope(
            (
                *(Item(f"the tag {tag}", (tag,)) for tag in selection.tags),
                *(Item(f"the pattern {text}", pattern=compile_pattern(text)) for text in selection.patterns),
                *(Item(f"the resource {name}", (tag_of_resource(name),)) for name in selection.names),
                *(Item(f"the address {url}", (path_tag(path_of(url)),)) for url in selection.urls),
                *(Item(f"the group {text}", tags_of_group(text)) for text in selection.groups),
                *([Item("everything", tags_of_everything())] if selection.everything else []),
            )
        )
    except (LookupError, ValueError) as error:
        raise BadSelection(str(error)) from error


def tags_of_everything() -> tuple[str, ...]:
    return tuple(resource_tag(name) for name in sorted({*resources.BY_NAME, KIND.name}))


def tag_of_resource(name: str) -> str:
    """Raises LookupError."""
    known = sorted({*resources.BY_NAME, KIND.name})
    if name not in known and not name.startswith(FRAGMENT):
        near = in_words(nearest(name, known))
        raise LookupError(f"There is no resource {name[:100]}; there are {', '.join(known)}.{near}")
    return resource_tag(name)


def compile_pattern(text: str) -> re.Pattern[str]:
    """Raises ValueError."""
    if not 0 < len(text) <= MAX_TAG_LENGTH:
        raise ValueError(f"A pattern has 1 to {MAX_TAG_LENGTH} characters, as /posts/2018-* or post:*:card.")
    return re.compile(translate(f"path:{text}" if text.startswith("/") else text))


def path_of(url: str) -> str:
    """Path and query of a path, or of a URL of this site. Raises ValueError."""
    try:
        parts = urlsplit(url[:LONGEST_URL])
        host = split_domain_port(parts.netloc.lower())[0]
    except ValueError:
        raise ValueError(f"{url[:100]!r} is no URL. Write a path, as /posts/first/.") from None
    if not parts.path.startswith("/") or len(url) > LONGEST_URL:
        raise ValueError(f"{url[:100]!r} is neither a path nor a URL. Write /posts/first/.")
    if parts.netloc and not (host and validate_host(host, settings.ALLOWED_HOSTS)):
        raise ValueError(
            f"{parts.netloc[:100]} is no host of this site (ALLOWED_HOSTS). Write the path alone, "
            f"{parts.path[:100]}, to purge its page on every host."
        )
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
