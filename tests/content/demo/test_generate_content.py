"""`manage.py generate_content`: any number of posts, the same for the same seed, in bounded memory."""

import tracemalloc
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from content.caching.queries import count_queries
from content.demo import MAX_POSTS, generate_posts, store
from content.models import Authorship, Post, Tag
from tests.support.blog import make_post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("generate_content", *arguments, stdout=out)
    return out.getvalue()


def rows() -> list[tuple[object, ...]]:
    columns = ("slug", "title", "body", "html", "excerpt", "status", "category__slug", "cover_alt")
    posts = Post.objects.order_by("pk").prefetch_related("tags", "authors")
    links = [(sorted(tag.slug for tag in post.tags.all()), [a.slug for a in post.authors.all()]) for post in posts]
    return [*Post.objects.order_by("pk").values_list(*columns), *links]


def test_an_empty_site_gets_posts_that_readers_can_read(client):
    assert "Posts: 40 generated, 0 there already" in run("--posts", "40")
    newest = Post.objects.public(timezone.now()).posts().first()
    assert newest.html.startswith("<p>")
    assert newest.text
    assert client.get(newest.get_absolute_url()).status_code == 200
    assert client.get(newest.tags.first().get_absolute_url()).status_code == 200


def test_the_same_seed_writes_the_same_posts():
    run("--posts", "30", "--seed", "7")
    first = rows()
    Post.objects.all().delete()
    run("--posts", "30", "--seed", "7")
    assert rows() == first
    Post.objects.all().delete()
    run("--posts", "30", "--seed", "8")
    assert rows() != first


def test_a_site_with_posts_is_refused_unless_add_is_given():
    make_post("mine")
    with pytest.raises(CommandError, match="--add") as refusal:
        run("--posts", "10")
    assert refusal.value.returncode == 2
    assert Post.objects.count() == 1
    assert not Tag.objects.exists()
    assert "Posts: 10 generated" in run("--posts", "10", "--add")
    assert Post.objects.count() == 11


def test_an_interrupted_run_is_completed(monkeypatch):
    monkeypatch.setattr(store, "BATCH", 10)
    batches = []

    def fail_at_third(*arguments):
        batches.append(1)
        if len(batches) == 3:
            raise OSError("the disk is full")
        return link_posts(*arguments)

    link_posts = store.link_posts
    with monkeypatch.context() as patch:
        patch.setattr(store, "link_posts", fail_at_third)
        with pytest.raises(OSError, match="full"):
            run("--posts", "35")
    assert Post.objects.count() == 20
    assert "Posts: 15 generated, 20 there already" in run("--posts", "35", "--add")
    assert Post.objects.count() == Authorship.objects.values("post").distinct().count() == 35


@pytest.mark.parametrize("count", ["0", "-1", str(MAX_POSTS + 1)])
def test_the_number_is_bounded(count):
    with pytest.raises(CommandError, match="between 1 and 1,000,000") as refusal:
        run("--posts", count)
    assert refusal.value.returncode == 2
    assert not Post.objects.exists()


def test_progress_is_reported_by_batches(monkeypatch):
    monkeypatch.setattr(store, "BATCH", 10)
    written: list[int] = []
    assert generate_posts(25, 1, timezone.now(), written.append) == 25
    assert written == [10, 10, 5]


@pytest.mark.django_db(transaction=True)
def test_memory_and_queries_are_those_of_a_batch(monkeypatch):
    """Five times as many posts take five times as many batches, and no more memory."""
    monkeypatch.setattr(store, "BATCH", 20)
    # Rendering is most of the time while memory is traced.
    monkeypatch.setattr(store, "render_markdown", lambda body: f"<p>{body}</p>")

    def cost(count: int, seed: int) -> tuple[int, int]:
        tracemalloc.start()
        try:
            with count_queries() as queries:
                queries.statements = Uncollected()
                generate_posts(count, seed, timezone.now())
            return tracemalloc.get_traced_memory()[1], queries.count
        finally:
            tracemalloc.stop()

    cost(40, 1)
    small, few = cost(60, 2)
    large, many = cost(300, 3)
    assert large < small * 1.5
    assert many < few * 5


class Uncollected(list[str]):
    """Drops the texts of queries, which would grow with the number of posts."""

    def append(self, text: str) -> None:
        pass
