"""Writing, scheduling and publishing in the admin."""

from datetime import timedelta

import pytest
from django.utils import timezone

from content.caching.queries import count_queries
from content.models import Author, Post, Redirect
from tests.support.admin_site import act, errors_of, save_form, try_form
from tests.support.blog import make_blog, make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

ADD = "/admin/content/post/add/"


def change(post: Post) -> str:
    return f"/admin/content/post/{post.pk}/change/"


def at(time) -> dict[str, str]:
    local = timezone.localtime(time)
    return {"published_at_0": f"{local:%Y-%m-%d}", "published_at_1": f"{local:%H:%M:%S}"}


def test_a_post_is_written_with_no_more_than_a_title(admin_client):
    save_form(admin_client, ADD, title="Über die Möwen", body="*Hello*")
    post = Post.objects.get()
    assert (post.slug, post.status, post.html) == ("über-die-möwen", "draft", "<p><em>Hello</em></p>\n")


@pytest.mark.parametrize(
    ("status", "days", "says"),
    [
        ("published", 1, "in the future"),
        ("scheduled", -1, "This time has passed"),
        ("scheduled", None, "needs a future time"),
    ],
)
def test_status_and_time_that_contradict_each_other_are_explained(admin_client, status, days, says):
    time = {} if days is None else at(timezone.now() + timedelta(days=days))
    assert says in errors_of(try_form(admin_client, ADD, title="T", status=status, **time))
    assert not Post.objects.exists()


def test_scheduling(admin_client):
    save_form(admin_client, ADD, title="Soon", status="scheduled", **at(timezone.now() + timedelta(days=1)))
    assert Post.objects.get().status == "scheduled"


def test_a_scheduled_post_whose_time_came_is_published_when_it_is_edited(admin_client):
    post = make_post("due", status="scheduled", published_at=timezone.now() - timedelta(days=1))
    save_form(admin_client, change(post), title="Mended")
    post.refresh_from_db()
    assert (post.title, post.status) == ("Mended", "published")


def test_the_time_zone_is_said(admin_client, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    timezone.get_default_timezone.cache_clear()
    try:
        assert "In Europe/Berlin, where it is" in admin_client.get(ADD).content.decode()
    finally:
        timezone.get_default_timezone.cache_clear()


@pytest.mark.parametrize("slug", ["admin", "search", "feed", "archive", "posts", "Static", "metrics", "api"])
def test_a_page_takes_no_path_that_the_site_needs(admin_client, slug):
    assert "the site uses it" in errors_of(try_form(admin_client, ADD, title="T", kind="page", slug=slug))
    save_form(admin_client, ADD, title="T", kind="post", slug=slug)


def test_a_slug_is_no_path(admin_client):
    assert "slug" in errors_of(try_form(admin_client, ADD, title="T", slug="a/b")).lower()


def test_a_new_slug_of_a_public_post_leaves_a_redirect(admin_client):
    save_form(admin_client, change(make_post("old")), slug="new")
    assert list(Redirect.objects.values_list("old_path", "new_path")) == [("/posts/old/", "/posts/new/")]


def test_a_cover_without_a_description_is_noticed(admin_client, picture):
    save_form(admin_client, ADD, title="T", cover=picture.pk)
    assert "The cover has no description" in admin_client.get("/admin/content/post/").content.decode()


def test_an_unchanged_time_stays_the_same_to_the_microsecond(admin_client):
    """Forms show whole seconds: a post published at a fraction of one would move in its lists."""
    post = make_post("post")
    assert post.published_at.microsecond
    save_form(admin_client, change(post), body="Other words")
    assert Post.objects.get().published_at == post.published_at


def test_only_new_words_are_an_update(admin_client):
    past = timezone.now() - timedelta(days=9)
    post = make_post("post", updated_at=past)
    save_form(admin_client, change(post), language="de")
    assert Post.objects.get().updated_at == past
    save_form(admin_client, change(post), body="Other words")
    assert Post.objects.get().updated_at > past


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("publish", "draft", "published"),
        ("withdraw", "published", "withdrawn"),
        ("back_to_draft", "published", "draft"),
    ],
)
def test_an_action_asks_first_and_then_counts(admin_client, action, before, after):
    pks = [make_post(f"post-{number}", status=before).pk for number in range(3)]
    other = make_post("other", status=before)
    asked = act(admin_client, "post", action, pks)
    assert "3 posts?" in asked.content.decode()
    assert set(Post.objects.values_list("status", flat=True)) == {before}
    done = act(admin_client, "post", action, pks, confirmed="yes")
    assert ": 3 posts." in done.content.decode()
    assert set(Post.objects.filter(pk__in=pks).values_list("status", flat=True)) == {after}
    assert Post.objects.get(pk=other.pk).status == before


def test_all_of_a_list_that_has_many_pages(admin_client):
    for number in range(55):
        make_post(f"post-{number}", status="draft")
    asked = act(admin_client, "post", "publish", [Post.objects.first().pk], select_across="1")
    assert "55 posts?" in asked.content.decode()
    assert "35 more" in asked.content.decode()


def test_the_list_asks_no_more_of_the_database_for_more_posts(admin_client):
    make_blog(posts=3)
    admin_client.get("/admin/content/post/")
    with count_queries() as few:
        admin_client.get("/admin/content/post/")
    for number in range(20):
        make_post(f"more-{number}", authors=list(Author.objects.all()))
    with count_queries() as many:
        admin_client.get("/admin/content/post/")
    assert few.count == many.count
    assert not any('"body"' in statement for statement in many.statements)


@pytest.mark.parametrize("query", ["q=Post+3", "q=ann", "status__exact=draft", "kind__exact=page", "q=%00"])
def test_search_and_filters(admin_client, query):
    make_blog(posts=5)
    assert admin_client.get(f"/admin/content/post/?{query}").status_code in (200, 302)


def test_the_list_shows_the_state_that_readers_see(admin_client):
    past, to_come = timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)
    make_post("due", status="scheduled", published_at=past, title="Its time has come")
    make_post("soon", status="scheduled", published_at=to_come, title="Tomorrow")
    make_post("ahead", published_at=to_come, title="Ahead of its time")
    make_post("secret", password="word", title="For some")
    make_post("gone", status="withdrawn", title="Gone")
    states = {
        "published": ["Its time has come"],
        "scheduled": ["Ahead of its time", "Tomorrow"],
        "protected": ["For some"],
        "withdrawn": ["Gone"],
        "draft": [],
    }
    for state, titles in states.items():
        answer = admin_client.get(f"/admin/content/post/?status__exact={state}")
        shown = answer.context["cl"].result_list
        assert sorted(post.title for post in shown) == titles
        assert answer.content.decode().count(f'class="state state-{state}"') == len(titles)


def test_the_dashboard_shows_drafts_and_pending_comments(admin_client):
    make_post("draft", status="draft", title="Half a thought")
    make_post("soon", status="scheduled", title="Tomorrow's", published_at=timezone.now() + timedelta(days=1))
    html = admin_client.get("/admin/").content.decode()
    assert "Half a thought" in html
    assert "Tomorrow&#x27;s" in html
    assert "Comments to moderate" in html
