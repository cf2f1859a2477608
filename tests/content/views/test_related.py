"""Related posts and neighbours of a post, and what invalidates them."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from content import resources
from content.caching.queries import count_queries
from content.caching.watch.models import WatchedChange
from content.models import Category, MediaFile, Tag
from tests.support.blog import make_blog, make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    def run(change) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            change()

    return run


def month(number: int, **fields):
    """A post of the middle of that month, on nothing in particular."""
    return make_post(f"month-{number}", published_at=datetime(2025, number, 15, tzinfo=UTC), **fields)


def related_to(post) -> tuple[int, ...]:
    return async_to_sync(resources.related.get)(post.pk).ids


def neighbours_of(post) -> tuple[int | None, int | None]:
    found = async_to_sync(resources.neighbours.get)(post.pk)
    return found.previous, found.next


def test_the_closest_share_most_tags_then_the_section_and_then_the_time():
    red, blue = (Tag.objects.create(slug=name, name=name) for name in ("red", "blue"))
    news = Category.objects.create(slug="news", name="News")
    post = month(6, tags=[red, blue], category=news)
    in_section = month(5, category=news)
    far = month(1, tags=[red])
    near = month(7, tags=[red])
    both = month(12, tags=[red, blue])
    month(8)
    assert related_to(post) == (both.pk, near.pk, far.pk)
    both.delete()
    cache.clear()
    assert related_to(post) == (near.pk, far.pk, in_section.pk)


def test_a_post_without_shared_terms_has_no_related_posts():
    post = month(6)
    month(7)
    assert related_to(post) == ()


def test_a_post_that_gets_a_shared_term_is_related_at_once(commit):
    red = Tag.objects.create(slug="red", name="Red")
    post, other = month(6, tags=[red]), month(7)
    assert related_to(post) == ()
    commit(lambda: other.tags.add(red))
    assert related_to(post) == (other.pk,)


def test_neighbours_are_before_and_after_in_time_and_by_number_at_the_same_time():
    first, second = month(1), month(2)
    third = make_post("twin", published_at=second.published_at)
    assert neighbours_of(first) == (None, second.pk)
    assert neighbours_of(second) == (first.pk, third.pk)
    assert neighbours_of(third) == (second.pk, None)


def test_a_post_published_between_is_a_neighbour_at_once_and_invalidates_no_other(commit):
    posts = [month(number) for number in (1, 3, 5, 9, 11)]
    for post in posts:
        neighbours_of(post)
    between = month(4, status="draft")
    WatchedChange.objects.all().delete()
    between.status = "published"
    commit(between.save)
    assert neighbours_of(posts[1]) == (posts[0].pk, between.pk)
    assert neighbours_of(posts[2]) == (between.pk, posts[3].pk)
    with count_queries() as queries:
        assert neighbours_of(posts[3]) == (posts[2].pk, posts[4].pk)
    # May to November: what happens in April is none of its business.
    assert queries.count == 0


def test_a_withdrawn_neighbour_disappears(commit):
    first, second, third = month(1), month(2), month(3)
    assert neighbours_of(third) == (second.pk, None)
    second.status = "withdrawn"
    commit(second.save)
    assert neighbours_of(third) == (first.pk, None)
    assert neighbours_of(first) == (None, third.pk)


def test_the_newest_post_waits_for_the_next_scheduled_one():
    newest = make_post("now", published_at=timezone.now() - timedelta(hours=1))
    soon = timezone.now() + timedelta(hours=1)
    make_post("soon", status="scheduled", published_at=soon)
    found = async_to_sync(resources.neighbours.get)(newest.pk)
    assert (found.next, found.next_publication) == (None, soon)


def test_a_post_page_takes_sixteen_queries_cold_however_many_posts(client):
    make_blog()
    with count_queries() as few:
        client.get("/posts/post-3/")
    make_post("one-more")
    cache.clear()
    with count_queries() as more:
        client.get("/posts/post-3/")
    assert few.count == more.count == 16, few.statements


def test_a_picture_has_its_size_and_a_new_file_shows_at_once(client, commit, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    picture = MediaFile(file=png("fir tree.png", 30, 20))
    picture.save()
    make_post("pictured", body=f"![A fir](<{picture.file.url}>)")
    assert 'width="30" height="20"' in client.get("/posts/pictured/").content.decode()
    picture.width, picture.height = 60, 40
    commit(picture.save)
    assert 'width="60" height="40"' in client.get("/posts/pictured/").content.decode()


def png(name: str, width: int, height: int) -> ContentFile:
    file = ContentFile(b"", name=name)
    Image.new("RGB", (width, height)).save(file, "PNG")
    file.seek(0)
    return file


def test_long_posts_have_contents_and_short_ones_do_not(client):
    sections = "\n\n".join(f"## Part {number}\n\n{'word ' * 400}" for number in range(4))
    make_post("long", body=sections)
    make_post("short", body="## One\n\n## Two\n\n## Three")
    assert b'href="#part-2">Part 2</a>' in client.get("/posts/long/").content
    assert b'aria-label="Contents"' not in client.get("/posts/short/").content


def test_the_beginning_of_a_post_is_read_once_and_repeated_only_in_metadata(client):
    make_post("same", excerpt="The very first words.", body="The *very* first words. And others.")
    make_post("apart", excerpt="Why it matters.", body="The first words.")
    make_post("none", excerpt="", body="Nobody wrote an excerpt, so this stands for it. " * 20)
    assert b"standfirst" not in client.get("/posts/same/").content
    assert b'<p class="standfirst">Why it matters.</p>' in client.get("/posts/apart/").content
    alone = client.get("/posts/none/").content
    assert b"standfirst" not in alone
    assert b'<meta name="description" content="Nobody wrote an excerpt, so this' in alone
    home = client.get("/").content.decode()
    assert '<p class="card-excerpt">The very first words.</p>' in home
    assert '<p class="card-excerpt">Nobody wrote an excerpt, so this' in home
    assert "…</p>" in home


def test_the_page_shows_its_neighbours_and_related_posts_and_a_page_has_none(client):
    make_blog(posts=6)
    html = client.get("/posts/post-3/").content.decode()
    assert 'rel="prev" href="/posts/post-4/"' in html
    assert 'rel="next" href="/posts/post-2/"' in html
    assert "Related posts" in html
    make_post("about", kind="page")
    html = client.get("/about/").content.decode()
    assert "Related posts" not in html
    assert 'rel="prev"' not in html
