"""The choice of an operator: checked and bounded, before a run is started."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from content import resources
from content.caching.key import check_tags
from content.nearest import in_words, nearest
from content.warming.origins import origins_of_site, parse_origin
from content.warming.plan import plan_url
from content.warming.targets import pages

NAMES = (*resources.BY_NAME, pages.name)
# Things of one kind in a choice, characters of an address or a pattern, and most viewed posts.
MOST_CHOSEN, LONGEST, MOST_TOP = 1_000, 400, 10_000
ADDRESS = re.compile(r"/[!-\[\]-~\u00a1-\uffff]*")


class ChoiceError(ValueError):
    """A choice that cannot be warmed. Its text says why, and what to do."""


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The targets of a run: all that one of the fields names. The popular, if none does.

    names        all entries of these resources; "page" for all pages
    urls         pages by path, with the entries that they are made of
    tags         what is stored with one of these tags
    patterns     pages whose path matches, and entries whose name does: "*" stands for any text
    top          what most readers ask for, with so many of the most viewed posts
    everything   the whole catalogue
    stale        only what is stored, and not fresh any more; of the whole catalogue, if nothing else is named
    log          the addresses of an access log, which the run has; the name of the file
    log_digest   of these addresses
    failed_of    the failures of that run
    """

    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    top: int | None = None
    everything: bool = False
    stale: bool = False
    log: str = ""
    log_digest: str = ""
    failed_of: int | None = None

    @property
    def lists(self) -> bool:
        """Whether it has a plan of a few pages: by path, or the popular."""
        return bool(self.urls) or self.top is not None or self == Choice()

    @property
    def searches(self) -> bool:
        """Whether its targets are those of the catalogue that match."""
        return bool(self.names or self.tags or self.patterns or self.everything or self.stale)

    @property
    def wants_pages(self) -> bool:
        """False if it can name no page, so that a run without pages is no failure."""
        named = self.names or self.tags or self.patterns or self.failed_of is not None
        return bool(
            self.urls
            or self.top is not None
            or self.everything
            or self.log
            or pages.name in self.names
            or any(pattern.startswith("/") for pattern in self.patterns)
            or not named
        )

    def digest(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    def as_data(self) -> dict[str, Any]:
        """The choice as JSON, without empty fields."""
        data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return data

    def __str__(self) -> str:
        parts = [
            "everything" if self.everything else "",
            *self.names,
            *map(shorten, self.urls[:3]),
            f"and {len(self.urls) - 3} more addresses" if len(self.urls) > 3 else "",
            *(f"tag {shorten(tag)}" for tag in self.tags),
            *map(shorten, self.patterns),
            f"the {self.top} most viewed" if self.top is not None else "",
            f"addresses of {self.log}" if self.log else "",
            f"failures of run {self.failed_of}" if self.failed_of is not None else "",
        ]
        chosen = ", ".join(filter(None, parts)) or ("everything" if self.stale else "the popular")
        return f"{chosen}, if it is stale" if self.stale else chosen


def shorten(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def read_choice(data: Any) -> Choice:
    """A choice from JSON, of the database or of a client. Raises ChoiceError for data of another shape."""
    try:
        return msgspec.convert(data, Choice)
    except msgspec.ValidationError as error:
        raise ChoiceError(f"This is no choice of what to warm: {error}.") from error


async def check_choice(choice: Choice) -> Choice:
    """The same choice, with paths in place of whole addresses. Raises ChoiceError for one that cannot be warmed.

    The fields that name rows of a run (`log`, `failed_of`) are set by `content.warming.runs` alone.
    """
    if choice.log or choice.log_digest or choice.failed_of is not None:
        raise ChoiceError("A log is read by `warm_cache --from-log`, and failures are retried by a run's own retry.")
    for kind in ("names", "urls", "tags", "patterns"):
        count = len(getattr(choice, kind))
        if count > MOST_CHOSEN:
            raise ChoiceError(f"There are {count:,} {kind}; at most {MOST_CHOSEN:,} can be given.")
    check_names(choice.names)
    check_patterns(choice.patterns)
    if choice.top is not None and not 1 <= choice.top <= MOST_TOP:
        raise ChoiceError(f"--top {choice.top}: from 1 to {MOST_TOP:,} of the most viewed posts.")
    try:
        check_tags(choice.tags)
    except (TypeError, ValueError) as error:
        raise ChoiceError(str(error)) from error
    urls = [await check_url(url) for url in choice.urls]
    return msgspec.structs.replace(choice, urls=tuple(dict.fromkeys(urls)))


def check_names(names: Sequence[str]) -> None:
    for name in names:
        if name not in NAMES:
            hint = in_words(nearest(name, NAMES)) or f" There are {', '.join(NAMES)}."
            raise ChoiceError(f"There is no resource {shorten(name)!r}.{hint}")


def check_patterns(patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if not 0 < len(pattern) <= LONGEST:
            raise ChoiceError(f"--pattern {shorten(pattern)!r}: from 1 to {LONGEST} characters.")


async def check_url(url: str) -> str:
    """The path and query of an address of this site. Raises ChoiceError for another, and for one without a page."""
    if len(url) > LONGEST:
        raise ChoiceError(f"{shorten(url)!r}: an address has at most {LONGEST} characters.")
    path = url if url.startswith("/") else await path_at_origin(url)
    if not ADDRESS.fullmatch(path) or path.startswith("//"):
        raise ChoiceError(f"{path!r} is no page that can be warmed. Give a path of this site, as /posts/first/.")
    try:
        await plan_url(path)
    except LookupError as error:
        raise ChoiceError(str(error.args[0])) from error
    return path


async def path_at_origin(url: str) -> str:
    """Raises ChoiceError for an address of another site."""
    try:
        parts = urlsplit(url)
        origin = parse_origin(f"{parts.scheme}://{parts.netloc}".lower())
    except ValueError:
        origin = None
    if origin is None:
        raise ChoiceError(
            f"{shorten(url)!r} is no page of this site. Give a path, as /posts/first/, or an address whose host is "
            "in ALLOWED_HOSTS."
        )
    origins = await origins_of_site()
    if origins and origin not in origins:
        raise ChoiceError(
            f"Readers of this site do not use {origin}, so no page is stored for it. Its addresses begin with "
            f"{', '.join(origins)}."
        )
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
