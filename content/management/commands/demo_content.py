from random import Random
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from content.demo import grow_blog, store_blog
from content.demo.store import PICTURES
from content.models import Post

# Everybody's demo is the same.
SEED = 2026


class Command(BaseCommand):
    help = "Fills an empty site with about 200 generated posts, so that there is something to look at."

    def handle(self, *args: Any, **options: Any) -> None:
        if Post.objects.exists():
            self.stdout.write("There are posts already; the demo content is for an empty site. Nothing was done.")
            return
        rng, now = Random(SEED), timezone.now()  # noqa: S311 - a demo, not a secret
        blog = grow_blog(rng, now)
        with progress_bars() as bars:
            pictures = bars.add_task("pictures", total=PICTURES)
            posts = bars.add_task("posts", total=len(blog.posts))
            store_blog(blog, rng, now, drawn=lambda: bars.advance(pictures), rendered=lambda: bars.advance(posts))
        self.stdout.write(f"{len(blog.posts)} demo posts by {len(blog.people)} authors are in place.")


def progress_bars() -> Progress:
    """On a terminal alone; elsewhere the closing line says it all."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
