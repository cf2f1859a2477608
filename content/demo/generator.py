"""Posts written from the sentences of a fixture: the same for the same seed, whatever their number."""

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, islice, product
from random import Random
from typing import NamedTuple, TypeVar

from content.demo.fixture import Author, Fixture, Sample, Theme
from content.rendering import slugify

T = TypeVar("T")

PLACEHOLDER = re.compile(r"\{(\w+)\}")
# The number of paragraphs is log-normal, as the length of posts on real blogs is: median 7, about 500 words.
MEDIAN_PARAGRAPHS, SPREAD = 7, 0.8
MIN_PARAGRAPHS, MAX_PARAGRAPHS = 3, 40
WITH_COVER, WITHOUT_EXCERPT, WITH_LINK = 0.5, 0.08, 0.5
# One post in so many is a draft.
DRAFTS = 33
# How many earlier posts of its theme a post may link to.
LINKABLE = 50
MAX_TAGS_A_THEME = 60


@dataclass(frozen=True)
class GeneratedPost:
    """`theme` is a slug, `tags` and `authors` are names, `picture` is the name of a file of the fixture."""

    title: str
    slug: str
    body: str
    excerpt: str = ""
    kind: str = "post"
    status: str = "published"
    published_at: datetime | None = None
    theme: str = ""
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    picture: str = ""


class Link(NamedTuple):
    """A link to an earlier post of the same theme."""

    title: str
    url: str


class Generator:
    """Writes `count` posts, oldest first, spread over `span` before `now`. Tags and authors follow Zipf's law."""

    def __init__(self, fixture: Fixture, rng: Random, now: datetime, count: int, span: timedelta) -> None:
        self.rng = rng
        self.now = now
        self.count = count
        self.span = span
        self.writers = [ThemeWriter(theme, fixture, rng) for theme in fixture.themes]
        self.tags = {theme.slug: tag_names(theme, count) for theme in fixture.themes}
        self.authors = authors_of(fixture, count)
        self.titles: Counter[str] = Counter()
        self.earlier: dict[str, deque[Link]] = {slug: deque(maxlen=LINKABLE) for slug in self.tags}
        self.last_picture = ""

    @property
    def tag_names(self) -> list[str]:
        return sorted({name for names in self.tags.values() for name in names})

    def posts(self) -> Iterator[GeneratedPost]:
        """Some are drafts. The last of several is scheduled for tomorrow."""
        public = max(self.count - 1, 1)
        for number in range(public):
            published_at = self.now - self.span * ((public - number - self.rng.uniform(0.55, 0.95)) / public)
            if number % DRAFTS == DRAFTS // 2:
                yield self.write("draft", None)
            else:
                yield self.write("published", published_at.replace(second=0, microsecond=0))
        if self.count > 1:
            yield self.write("scheduled", self.now + timedelta(days=1))

    def write(self, status: str, published_at: datetime | None) -> GeneratedPost:
        writer = self.rng.choice(self.writers)
        slug = writer.theme.slug
        title = self.number_title(writer.write_title())
        post = GeneratedPost(
            title=title,
            slug=slugify(title),
            body=writer.write_body(self.choose_link(slug)),
            excerpt="" if self.rng.random() < WITHOUT_EXCERPT else writer.sentence("standfirst"),
            status=status,
            published_at=published_at,
            theme=slug,
            tags=choose_by_rank(self.tags[slug], self.rng.choice((1, 2, 2, 3, 4)), self.rng),
            authors=choose_by_rank([author.name for author in self.authors], self.rng.choice((1, 1, 1, 2)), self.rng),
            picture=self.choose_picture(writer.theme),
        )
        if status == "published":
            self.earlier[slug].append(Link(post.title, f"/posts/{post.slug}/"))
        return post

    def number_title(self, title: str) -> str:
        """No two titles are equal. The sentences make some thousands of titles; later ones are parts of a series."""
        self.titles[title] += 1
        part = self.titles[title]
        return title if part == 1 else f"{title}, part {part}"

    def choose_link(self, theme: str) -> Link | None:
        if not self.earlier[theme] or self.rng.random() >= WITH_LINK:
            return None
        return self.rng.choice(self.earlier[theme])

    def choose_picture(self, theme: Theme) -> str:
        """Lists show covers side by side, so no two in a row are the same."""
        if self.rng.random() >= WITH_COVER:
            return ""
        self.last_picture = self.rng.choice([name for name in theme.pictures if name != self.last_picture])
        return self.last_picture


class Phrases:
    """Sentences from templates such as `{thing} is easy to miss`. A list repeats only after all of it was used."""

    def __init__(self, templates: Mapping[str, Sequence[str]], rng: Random) -> None:
        self.templates = templates
        self.rng = rng
        self.decks: dict[str, list[str]] = {}
        self.last: dict[str, str] = {}

    def draw(self, name: str) -> str:
        deck = self.decks.get(name)
        if not deck:
            deck = self.decks[name] = self.rng.sample(self.templates[name], len(self.templates[name]))
            if deck[-1] == self.last.get(name):
                deck.reverse()
        self.last[name] = deck.pop()
        return self.last[name]

    def phrase(self, name: str) -> str:
        """A template with its placeholders filled; `{Thing}` begins with a capital. Other braces stay."""
        return PLACEHOLDER.sub(self.fill, self.draw(name))

    def sentence(self, name: str) -> str:
        return capitalise(self.phrase(name))

    def fill(self, placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        if name in self.templates:
            return self.phrase(name)
        return self.sentence(name.lower()) if name.lower() in self.templates else placeholder[0]


class ThemeWriter(Phrases):
    """Titles and bodies of one theme."""

    def __init__(self, theme: Theme, fixture: Fixture, rng: Random) -> None:
        super().__init__(fixture.phrases | theme.phrases | {"own_title": theme.titles}, rng)
        self.theme = theme
        self.samples: list[Sample] = [sample for sample in fixture.samples if sample.theme in ("", theme.slug)]
        self.extras = {self.write_quote: 1.0, self.write_list: 1.0, self.write_steps: 1.0, self.write_table: 1.0}
        self.extras[self.write_code] = len(self.samples) - 0.9

    def write_title(self) -> str:
        return self.sentence("own_title" if self.rng.random() < 0.25 else "title")

    def write_body(self, link: Link | None) -> str:
        """Markdown. Long posts have headings; lists, tables, quotes and code stand between paragraphs."""
        length = self.rng.lognormvariate(0, SPREAD) * MEDIAN_PARAGRAPHS
        count = min(max(round(length), MIN_PARAGRAPHS), MAX_PARAGRAPHS)
        notes: list[str] = []
        headings: set[str] = set()
        blocks = [self.write_paragraph("opening", notes)]
        if link:
            blocks[0] += " " + self.sentence("link").format(linked_title=link.title, linked_url=link.url)
        for number in range(1, count - 1):
            if count > 5 and number % 3 == 2:
                blocks.append(self.write_heading(headings))
            blocks.append(self.write_paragraph("middle", notes))
            if self.rng.random() < 0.25:
                [write_extra] = self.rng.choices(list(self.extras), list(self.extras.values()))
                blocks += write_extra()
        blocks.append(f"{self.write_paragraph('middle', notes)} {self.sentence('closing')}")
        return "\n\n".join([*blocks, *notes]) + "\n"

    def write_heading(self, used: set[str]) -> str:
        text = self.sentence("heading")
        while text in used:
            text = self.sentence("heading")
        used.add(text)
        return f"{'###' if len(used) > 1 and self.rng.random() < 0.2 else '##'} {text}"

    def write_paragraph(self, first: str, notes: list[str]) -> str:
        """Three to five sentences. A footnote goes to `notes`."""
        sentences = [self.sentence(first), *(self.sentence("middle") for _ in range(self.rng.randint(2, 4)))]
        if self.rng.random() < 0.12:
            notes.append(f"[^{len(notes) + 1}]: {self.sentence('footnote')}")
            sentences[-1] += f"[^{len(notes)}]"
        return " ".join(sentences)

    def write_quote(self) -> list[str]:
        return [f"> {self.sentence('quote')}\n>\n> *{self.sentence('person')}*"]

    def write_list(self) -> list[str]:
        items = dict.fromkeys(self.sentence("item") for _ in range(self.rng.randint(3, 5)))
        return [self.sentence("list_lead"), "\n".join(f"- {item}" for item in items)]

    def write_steps(self) -> list[str]:
        steps = dict.fromkeys(self.sentence("step") for _ in range(self.rng.randint(3, 6)))
        return ["\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))]

    def write_table(self) -> list[str]:
        """Some of the theme's rows, in their order."""
        head, *rows = self.theme.table
        some = sorted(self.rng.sample(range(len(rows)), self.rng.randint(3, len(rows))))
        lines = [head, ["---"] * len(head), *(rows[index] for index in some)]
        return ["\n".join(f"| {' | '.join(cells)} |" for cells in lines)]

    def write_code(self) -> list[str]:
        sample = self.rng.choice(self.samples)
        return [sample.lead, f"```{sample.language}\n{sample.code.strip()}\n```"]


def capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def choose_by_rank(names: Sequence[T], count: int, rng: Random) -> tuple[T, ...]:
    """Choose at most `count` of them; the one at rank r is chosen with a weight of 1/r (Zipf's law)."""
    weights = list(accumulate(1 / rank for rank in range(1, len(names) + 1)))
    return tuple(dict.fromkeys(rng.choices(names, cum_weights=weights, k=count)))


def tag_names(theme: Theme, posts: int) -> list[str]:
    """The theme's own tags, and numbered ones on a large site."""
    count = max(len(theme.tags), min(posts // 500, MAX_TAGS_A_THEME))
    names = (f"{tag} {number}" if number > 1 else tag for number in range(1, count + 1) for tag in theme.tags)
    return list(islice(names, count))


def authors_of(fixture: Fixture, posts: int) -> list[Author]:
    """The fixture's authors, and on a large site one more for each 1,000 posts, with their names mixed."""
    known = {author.name: author for author in fixture.authors}
    firsts, lasts = zip(*(name.split(" ", 1) for name in known), strict=True)
    mixed = (f"{first} {last}" for first, last in product(firsts, lasts))
    others = (Author(name) for name in mixed if name not in known)
    return [*fixture.authors, *islice(others, posts // 1000)]
