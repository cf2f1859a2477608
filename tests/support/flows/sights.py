"""How a process reads what a sight is about: by the service's resources, by a fragment of a template, by a page."""

import http.client
import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

from django.template import Context, Engine

from content import resources
from content.caching import NotThere
from content.caching.metrics import events

PATHS = {
    "post": "/posts/{}/",
    "page": "/{}/",
    "tag": "/tags/{}/",
    "category": "/categories/{}/",
    "author": "/authors/{}/",
    "home": "/",
    "path": "{}",
}
FRAGMENT = """{% load fragments %}{% fragment "flow" subject key ttl="1d" %}{{ shown.marks }}{% endfragment %}"""
# Events of a reader who got something else than a fresh entry.
LOADED = ("miss", "joined", "stale", "refresh")
SECONDS = 20
# A page's asides: popular posts, and all categories and tags. A post that left a list may stay there.
BESIDE = re.compile(r"<aside\b.*?</aside>", re.DOTALL)

# Marks of what is there, and whether a cache had them.
Seen = tuple[set[str], bool]
Read = Callable[[str, str, int], Seen]


def words_of(text: str, number: int) -> set[str]:
    """The words of the scene of that number."""
    return set(re.findall(rf"\b[a-z]+{number}x\b", text))


def own_part(page: str) -> str:
    return BESIDE.sub("", page)


def path_of(subject: str, key: str) -> str:
    return PATHS[subject].format(key)


def marks_of(subject: str, key: str, number: int) -> set[str]:
    """The marks by the resources, as the views would answer."""
    try:
        match subject:
            case "post" | "page":
                post = resources.post.get_sync(subject, key)
                shown = [post, resources.comments.get_sync(post.id)]
            case "home":
                shown = [resources.site.get_sync()]
            case "path":
                raise NotThere(key)
            case _:
                found = resources.BY_NAME[subject].get_sync(key)
                size = resources.site.get_sync().posts_per_page
                ids = resources.listing.get_sync(subject, found.id, 1, size).ids
                shown = [found, *(resources.post_card.get_sync(pk) for pk in ids)]
    except NotThere:
        return marks_of_missing(subject, key, number)
    return {"200"} | words_of(repr(shown), number)


def marks_of_missing(subject: str, key: str, number: int) -> set[str]:
    try:
        return {"301"} | words_of(resources.redirect.get_sync(path_of(subject, key)), number)
    except NotThere:
        pass
    if subject in ("post", "page"):
        try:
            resources.withdrawn.get_sync(subject, key)
            return {"410"}
        except NotThere:
            pass
    return {"404"}


def count_events(names: tuple[str, ...]) -> int:
    return sum(number for (what, _, _), number in Counter(events.totals).items() if what in names)


def by_resources(subject: str, key: str, number: int) -> Seen:
    before = count_events(LOADED)
    marks = marks_of(subject, key, number)
    return marks, count_events(LOADED) == before


def from_memory(subject: str, key: str, number: int) -> Seen:
    before = count_events((*LOADED, "lookup"))
    marks = marks_of(subject, key, number)
    return marks, count_events((*LOADED, "lookup")) == before


class Fragment:
    """A fragment that shows the marks; its loads note what it is made of."""

    def __init__(self) -> None:
        libraries = {"fragments": "content.caching.templatetags.fragments"}
        self.template = Engine(libraries=libraries).from_string(FRAGMENT)

    def __call__(self, subject: str, key: str, number: int) -> Seen:
        shown = Shown(subject, key, number)
        text = self.template.render(Context({"subject": subject, "key": key, "shown": shown}))
        return set(text.split()), not shown.was_asked


class Shown:
    def __init__(self, subject: str, key: str, number: int) -> None:
        self.place = (subject, key, number)
        self.was_asked = False

    @property
    def marks(self) -> str:
        self.was_asked = True
        return " ".join(sorted(marks_of(*self.place)))


class Page:
    """The page as a client gets it from there, by one connection that stays open.

    whole: with what stands beside the page's own part.
    """

    def __init__(self, url: str, *, whole: bool = False) -> None:
        self.whole = whole
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)

    def __call__(self, subject: str, key: str, number: int) -> Seen:
        try:
            self.connection.request("GET", path_of(subject, key))
            response = self.connection.getresponse()
        except http.client.RemoteDisconnected:
            # It was not asked for anything for a while. The next request connects again.
            return set(), False
        body = response.read().decode()
        text = body if response.status == 200 else response.getheader("location", "")
        text = text if self.whole else own_part(text)
        # Varnish names two requests where it had the answer; else our edge says what it did.
        varnish = response.getheader("x-varnish")
        had = " " in varnish if varnish else "hit" in response.getheader("cache-status", "")
        # Errors and redirects may be made each time.
        return {str(response.status)} | words_of(text, number), had or response.status != 200
