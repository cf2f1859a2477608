"""A site of a given size, quickly: posts as people write them, in the numbers in which people write them."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

from django.db import connection
from django.utils import timezone

from content.models import Author, Authorship, Category, Comment, Post, PostViews, Redirect, SiteConfig, Tag

AT_ONCE = 1000
YEARS = 15
WORDS = [
    "common",
    "moss",
    "fern",
    "river",
    "stone",
    "light",
    "early",
    "bread",
    "garden",
    "slow",
    "window",
    "paper",
    "north",
    "autumn",
    "letter",
]
SCHEDULED, WITHDRAWN_SHARE, PAGES = 40, 0.03, 9


def fill(posts: int, seed: int = 1) -> None:
    rng = Random(seed)
    SiteConfig(title="A blog", posts_per_page=10).save()
    tags = job_for(Tag, "tag", 60 + posts // 50)
    categories = job_for(Category, "section", 12)
    authors = job_for(Author, "author", 5 + posts // 1000)
    made = [Post(pk=post.pk) for post in store(posts_of(posts, categories, rng), Post)]
    some_tags = [(post, tag) for post in made for tag in chosen(rng, tags)]
    list(store((Post.tags.through(post_id=post.pk, tag_id=tag.pk) for post, tag in some_tags), Post.tags.through))
    list(store((Authorship(post=post, author=rng.choice(authors)) for post in made), Authorship))
    list(store((comment_of(rng.choice(made), rng) for _ in range(posts)), Comment))
    list(store((views_of(post, rng) for post in made), PostViews))
    list(store((Redirect(old_path=f"/old/{n}/", new_path=f"/posts/post-{n}/") for n in range(posts // 10)), Redirect))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM")


def job_for(model: type[Any], name: str, count: int) -> list[Any]:
    rows = [model(slug=f"{name}-{n}", name=f"{name.title()} {n}") for n in range(count)]
    return list(store(rows, model))


def store(rows: Any, model: type[Any]) -> Iterator[Any]:
    waiting: list[Any] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == AT_ONCE:
            yield from model._default_manager.bulk_create(waiting)
            waiting = []
    yield from model._default_manager.bulk_create(waiting)


def posts_of(count: int, categories: list[Category], rng: Random) -> Iterator[Post]:
    now = timezone.now()
    span = timedelta(days=365 * YEARS)
    texts = [" ".join(rng.choices(WORDS, k=rng.choice((40, 80, 200)))) for _ in range(100)]
    for number in range(count):
        published_at = now - span * (number / count) - timedelta(minutes=rng.randrange(60))
        status = "withdrawn" if rng.random() < WITHDRAWN_SHARE else "published"
        if number < SCHEDULED:
            status, published_at = "scheduled", now + timedelta(days=1 + number)
        words = f"{rng.choice(texts)} {number}"
        yield Post(
            kind="page" if number % 1000 < PAGES and number < 1000 else "post",
            slug=f"post-{number}",
            title=f"{rng.choice(WORDS).title()} {number}",
            excerpt="" if number % 2 else words[:200],
            body=words,
            html=f"<p>{words}{' rare' if number % 5000 == 1 else ''}</p>",
            status=status,
            category=rng.choice(categories),
            published_at=published_at,
            updated_at=min(published_at, now),
        )


def chosen(rng: Random, tags: list[Tag]) -> set[Tag]:
    """Three or so, a few of them much used."""
    return {tags[min(int(rng.paretovariate(0.6)) - 1, len(tags) - 1)] for _ in range(rng.choice((1, 3, 5)))}


def comment_of(post: Post, rng: Random) -> Comment:
    return Comment(post=post, author_name="Ann", body="Well said.", html="<p>Well said.</p>", status="approved")


def views_of(post: Post, rng: Random) -> PostViews:
    viewed = timezone.now() - timedelta(hours=rng.randrange(2000))
    return PostViews(post=post, total=rng.randrange(10_000), heat=rng.random() * 100, last_viewed_at=viewed)
