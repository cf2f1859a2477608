"""Moderation, redirects, the site's configuration, and who may do what."""

import pytest

from content.caching.queries import count_queries
from content.models import Comment, Post, Redirect, SiteConfig
from tests.support.admin_site import act, errors_of, save_form, try_form
from tests.support.blog import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

ADD_REDIRECT = "/admin/content/redirect/add/"
SITE = "/admin/content/siteconfig/1/change/"


def comment(status: str = "pending", post: Post | None = None, **fields) -> Comment:
    post = post or Post.objects.first() or make_post("post")
    return Comment.objects.create(post=post, author_name="Ann", status=status, body=fields.pop("body", "B"), **fields)


def test_pending_comments_come_first_in_the_queue(admin_client):
    waiting = comment(body="Please decide")
    comment("approved", body="Decided on")
    html = admin_client.get("/admin/content/comment/").content.decode()
    assert html.index("Please decide") < html.index("Decided on")
    assert f"/admin/content/post/{waiting.post_id}/change/" in html


@pytest.mark.parametrize("status", ["approved", "rejected", "spam"])
def test_many_are_decided_on_at_once(admin_client, status):
    comments = [comment() for _ in range(3)]
    done = act(admin_client, "comment", f"to_{status}", [each.pk for each in comments])
    assert f"{Comment.Status(status).label}: 3." in done.content.decode()
    assert set(Comment.objects.values_list("status", flat=True)) == {status}


def test_approved_ones_are_read_at_once(client, admin_client, django_capture_on_commit_callbacks):
    waiting = comment(body="First of all")
    assert b"First of all" not in client.get("/posts/post/").content
    with django_capture_on_commit_callbacks(execute=True):
        act(admin_client, "comment", "to_approved", [waiting.pk])
    assert b"First of all" in client.get("/posts/post/").content


def test_the_queue_asks_no_more_of_the_database_for_more_comments(admin_client):
    comment()
    admin_client.get("/admin/content/comment/")
    with count_queries() as few:
        admin_client.get("/admin/content/comment/")
    for number in range(20):
        comment(post=make_post(f"post-{number}"))
    with count_queries() as many:
        admin_client.get("/admin/content/comment/")
    assert few.count == many.count


def test_a_script_in_a_comment_is_text(admin_client):
    comment(body="<script>alert(1)</script>")
    assert b"<script>alert" not in admin_client.get("/admin/content/comment/").content


def test_how_many_wait_stands_on_the_first_page(admin_client):
    for status in ("pending", "pending", "spam"):
        comment(status)
    assert "2 comments wait for a decision" in admin_client.get("/admin/").content.decode()


def test_the_sites_configuration_opens_at_once(admin_client):
    assert admin_client.get("/admin/content/siteconfig/").headers["Location"].endswith("/add/")
    assert b"_addanother" not in admin_client.get("/admin/content/siteconfig/add/").content
    save_form(admin_client, "/admin/content/siteconfig/add/", title="Mine")
    assert admin_client.get("/admin/content/siteconfig/").headers["Location"] == SITE
    assert "Mine" in admin_client.get("/admin/").content.decode()


def test_the_menu_is_rows_and_empty_ones_are_left_out(admin_client):
    SiteConfig(title="Mine").save()
    rows = {"menu-label": ["About", "", " Code "], "menu-url": ["/about/", "", "https://example.com/"]}
    save_form(admin_client, SITE, **rows)
    assert SiteConfig.objects.get().menu == [
        {"label": "About", "url": "/about/"},
        {"label": "Code", "url": "https://example.com/"},
    ]
    html = admin_client.get(SITE).content.decode()
    assert 'value="About"' in html
    assert html.count('class="menu-row"') == 4


@pytest.mark.parametrize(
    ("label", "url", "says"),
    [
        ("", "/about/", "Entry 1: /about/ has no label"),
        ("About", "", "Entry 1: “About” has no address"),
        ("About", "javascript:alert(1)", "is no address"),
        ("About", "//example.com/", "is no address"),
    ],
)
def test_a_menu_that_is_wrong_is_explained(admin_client, label, url, says):
    SiteConfig(title="Mine").save()
    answer = try_form(admin_client, SITE, **{"menu-label": [label], "menu-url": [url]})
    assert says in errors_of(answer)
    assert f'value="{url}"' in answer.content.decode()


def test_redirects_form_no_chains_and_no_circles(admin_client):
    save_form(admin_client, ADD_REDIRECT, old_path="/b/", new_path="/c/")
    save_form(admin_client, ADD_REDIRECT, old_path="/a/", new_path="/b/")
    save_form(admin_client, ADD_REDIRECT, old_path="/c/", new_path="/d/")
    assert dict(Redirect.objects.values_list("old_path", "new_path")) == {"/a/": "/d/", "/b/": "/d/", "/c/": "/d/"}
    assert "circle" in errors_of(try_form(admin_client, ADD_REDIRECT, old_path="/d/", new_path="/a/"))


@pytest.mark.parametrize(
    ("old", "new"), [("a/", "/b/"), ("/a/", "b/"), ("/a/", "//evil.example/"), ("/a/", "javascript:alert(1)")]
)
def test_a_redirect_that_leads_nowhere_good_is_refused(admin_client, old, new):
    assert errors_of(try_form(admin_client, ADD_REDIRECT, old_path=old, new_path=new))


def test_an_author_writes_drafts_and_touches_nothing_public(member):
    author, shown, draft = member("Authors"), make_post("shown"), make_post("draft", status="draft")
    save_form(author, f"/admin/content/post/{draft.pk}/change/", title="Better")
    assert errors_of(try_form(author, "/admin/content/post/add/", title="T", status="published"))
    assert author.post(f"/admin/content/post/{shown.pk}/change/", {"title": "T"}).status_code == 403
    act(author, "post", "publish", [draft.pk], confirmed="yes")
    act(author, "post", "delete_selected", [shown.pk], post="yes")
    assert Post.objects.get(pk=draft.pk).status == "draft"
    assert Post.objects.count() == 2


def test_an_editor_publishes(member):
    save_form(member("Editors"), "/admin/content/post/add/", title="T", status="published")
    assert Post.objects.get().is_public


def test_a_moderator_decides_on_comments_and_on_nothing_else(member):
    moderator, waiting = member("Moderators"), comment()
    act(moderator, "comment", "to_approved", [waiting.pk])
    assert Comment.objects.get().status == "approved"
    for path in ("post/add/", "mediafile/", "siteconfig/add/", "redirect/"):
        assert moderator.get(f"/admin/content/{path}").status_code == 403, path


def test_the_admin_runs_under_the_sites_policy(admin_client):
    answer = admin_client.get("/admin/content/post/add/")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    html = answer.content.decode()
    assert "<script>" not in html
    assert " style=" not in html
    assert " onclick=" not in html
