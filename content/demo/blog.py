"""The demo blog as a plan: every post, before anything is written to the database."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from content.demo.calendar import SPAN, publications
from content.demo.newsroom import DemoPost, Newsroom
from content.demo.themes import Person, Theme, load_people, load_samples, load_themes

IN_MENU = ("forest", "code", "kitchen")

PAGES = {
    "About": """\
This is a demonstration blog. Its people, posts and pictures were generated when the site was first
started, so that there is something to look at.

## What to do with it

Read a little, then sign in to the [administration](/admin/), change a title, and look again: the page is
new at once, although hardly any read ever reaches the database.

When you have seen enough, delete these posts and import your own:

```bash
python manage.py import_content path/to/your/posts
```
""",
    "Colophon": """\
Set in the serif that your system likes best, on a measure of sixty-eight characters. There is no script
that you need, no font from elsewhere, and nobody is watching you read.

The landscapes were drawn by a few dozen lines of code: a gradient, some ridges of noise, and as many
conifers as there was room for.
""",
}


@dataclass(frozen=True)
class DemoBlog:
    title: str = "Evergreen"
    tagline: str = "Slow notes on forests, kitchens, code and weather"
    menu: tuple[tuple[str, str], ...] = ()
    themes: list[Theme] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    posts: list[DemoPost] = field(default_factory=list)

    @property
    def tags(self) -> list[str]:
        return sorted({tag for theme in self.themes for tag in theme.tags})


def grow_blog(rng: Random, now: datetime, posts: int = 200) -> DemoBlog:
    """Oldest post first, the last one scheduled for tomorrow; some are drafts. Same seed, same blog."""
    themes, people = load_themes(rng), load_people()
    newsroom = Newsroom(themes, people, load_samples(), rng)
    written = [newsroom.write(publication) for publication in publications(now, posts, rng)]
    pages = [
        DemoPost(title=title, slug=title.lower(), body=body, kind="page", published_at=now - SPAN)
        for title, body in PAGES.items()
    ]
    sections = [(theme.name, f"/categories/{theme.slug}/") for theme in themes if theme.slug in IN_MENU]
    return DemoBlog(menu=(*sections, ("About", "/about/")), themes=themes, people=people, posts=[*written, *pages])
