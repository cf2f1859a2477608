"""Where the demo posts are written, one after another."""

from dataclasses import dataclass
from datetime import datetime
from random import Random

from content.demo.body import Body
from content.demo.calendar import Publication
from content.demo.themes import Person, Sample, Theme
from content.rendering import slugify

# Of a hundred posts, how many are notes without headings and how many are long; the rest are essays.
NOTES = 25
LONG = 6
WITH_COVER = 0.5
WITHOUT_EXCERPT = 0.08


@dataclass(frozen=True)
class DemoPost:
    """A post to be: theme is a slug, authors and tags are names, `cover` names a picture."""

    title: str
    slug: str
    body: str
    excerpt: str = ""
    kind: str = "post"
    status: str = "published"
    published_at: datetime | None = None
    theme: str | None = None
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    cover: str | None = None


class Newsroom:
    """Themes take turns; no title comes twice; a post may refer to an earlier one of its theme."""

    def __init__(self, themes: list[Theme], people: list[Person], samples: list[Sample], rng: Random) -> None:
        self.themes = themes
        self.people = people
        self.samples = samples
        self.rng = rng
        self.turn: list[Theme] = []
        self.slugs: set[str] = set()
        self.last_cover: str | None = None
        self.earlier: dict[str, list[DemoPost]] = {theme.slug: [] for theme in themes}

    def write(self, publication: Publication) -> DemoPost:
        theme = self.next_theme()
        title = self.title(theme)
        post = DemoPost(
            title=title,
            slug=slugify(title),
            body=self.body(theme),
            excerpt=self.excerpt(theme),
            status=publication.status,
            published_at=publication.at,
            theme=theme.slug,
            tags=tuple(self.rng.sample(theme.tags, self.rng.randint(1, 3))),
            authors=tuple(person.name for person in self.rng.sample(self.people, self.rng.choice((1, 1, 1, 2)))),
            cover=self.cover(theme),
        )
        if post.status == "published":
            self.earlier[theme.slug].append(post)
        return post

    def next_theme(self) -> Theme:
        if not self.turn:
            self.turn = self.rng.sample(self.themes, len(self.themes))
        return self.turn.pop()

    def title(self, theme: Theme) -> str:
        """The theme's own titles now and then, until they are used up; the others from patterns."""
        own = [title for title in theme.titles if slugify(title) not in self.slugs]
        title = self.rng.choice(own) if own and self.rng.random() < 0.35 else theme.grammar.sentence("title")
        while slugify(title) in self.slugs:
            title = theme.grammar.sentence("title")
        self.slugs.add(slugify(title))
        return title

    def excerpt(self, theme: Theme) -> str:
        return "" if self.rng.random() < WITHOUT_EXCERPT else theme.grammar.sentence("standfirst")

    def cover(self, theme: Theme) -> str | None:
        """Not the picture that the last cover had: they stand side by side in lists."""
        if self.rng.random() >= WITH_COVER:
            return None
        self.last_cover = self.rng.choice([name for name in theme.covers if name != self.last_cover])
        return self.last_cover

    def body(self, theme: Theme) -> str:
        body = Body(theme, self.samples, self.rng)
        link = self.link(theme)
        length = self.rng.randrange(100)
        if length < NOTES:
            body.note(link)
        else:
            long = length >= 100 - LONG
            body.essay(self.rng.randint(9, 12) if long else self.rng.randint(2, 4), link)
        return body.markdown()

    def link(self, theme: Theme) -> str | None:
        if not self.earlier[theme.slug] or self.rng.random() < 0.5:
            return None
        post = self.rng.choice(self.earlier[theme.slug])
        return theme.grammar.sentence("link").format(linked_title=post.title, linked_url=f"/posts/{post.slug}/")
