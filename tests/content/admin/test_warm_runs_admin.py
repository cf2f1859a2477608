"""Runs in the admin: read-only, with buttons for those who may steer them; posts and lists start them."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from content.models import Category, Post, WarmFailure, WarmRun
from content.warming.choice import Choice
from content.warming.runs import start_run
from tests.support.admin_site import act
from tests.support.blog import make_blog, make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

LIST = "/admin/content/warmrun/"


@pytest.fixture
def run() -> WarmRun:
    started, _ = start_run(Choice(everything=True), trigger=WarmRun.Trigger.COMMAND, started_by="ann@host")
    return started


def press(client: Client, run: WarmRun, verb: str):
    return client.post(f"{LIST}{run.pk}/steer/", {"verb": verb}, follow=True)


def buttons(client: Client, run: WarmRun) -> list[str]:
    html = client.get(f"{LIST}{run.pk}/change/").content.decode()
    return [verb for verb in ("cancel", "pause", "resume", "retry") if f'value="{verb}"' in html]


def test_a_run_shows_who_started_it_and_how_far_it_is(admin_client, run):
    WarmRun.objects.update(state="running", planned=200, warmed=40, fresh=10, seconds=5.0)
    html = admin_client.get(LIST).content.decode()
    assert "50 of 200 (25%)" in html
    assert "ann@host" in html
    page = admin_client.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "40 warmed, 10 fresh already" in page
    assert ">Estimate</th><td>15.0 s<" in page
    assert 'http-equiv="refresh"' in page
    assert 'name="_save"' not in page


def test_buttons_are_those_that_have_an_effect(admin_client, run):
    assert buttons(admin_client, run) == ["cancel", "pause"]
    assert "is paused" in press(admin_client, run, "pause").content.decode()
    assert buttons(admin_client, run) == ["cancel", "resume"]
    press(admin_client, run, "resume")
    assert "is cancelled" in press(admin_client, run, "cancel").content.decode()
    assert buttons(admin_client, run) == ["resume"]
    WarmRun.objects.update(state="done", failed=1)
    WarmFailure.objects.create(run=run, target="sidebar:", reason="RuntimeError: <b>")
    assert "RuntimeError: &lt;b&gt;" in admin_client.get(f"{LIST}{run.pk}/change/").content.decode()
    assert buttons(admin_client, run) == ["retry"]
    press(admin_client, run, "retry")
    retried = WarmRun.objects.first()
    assert (retried.retry_of, retried.choice, retried.started_by) == (run, {"failed_of": run.pk}, "admin")


def test_what_has_no_effect_says_so(admin_client, run):
    WarmRun.objects.update(state="done")
    assert "only one that is queued or running or paused" in press(admin_client, run, "cancel").content.decode()
    run.pk = 99
    assert "There is no run 99" in press(admin_client, run, "cancel").content.decode()


def test_who_may_only_look_steers_nothing(run):
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_warmrun"))
    client = Client()
    client.force_login(user)
    assert buttons(client, run) == []
    assert press(client, run, "cancel").status_code == 403
    act(client, "warmrun", "cancel_runs", [run.pk])
    run.refresh_from_db()
    assert run.state == "queued"
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{run.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_request_without_a_login_learns_nothing(client, run):
    response = client.post(f"{LIST}{run.pk}/steer/", {"verb": "cancel"})
    assert (response.status_code, "/login/" in response["Location"]) == (302, True)


def test_runs_are_steered_in_the_list(admin_client, run):
    act(admin_client, "warmrun", "cancel_runs", [run.pk])
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_posts_start_a_run_of_their_pages(member):
    posts = [*make_blog(2), make_post("draft", status="draft")]
    editor = member("Editors")
    html = act(editor, "post", "warm_selected", [post.pk for post in posts]).content.decode()
    started = WarmRun.objects.get()
    assert sorted(started.choice["urls"]) == ["/posts/post-0/", "/posts/post-1/"]
    assert (started.trigger, started.started_by) == ("admin", "editors")
    assert "warms 2 pages. 1 not public, left out." in html
    assert (
        "It was active already" in act(editor, "post", "warm_selected", [post.pk for post in posts]).content.decode()
    )


def test_a_draft_alone_has_no_page_to_warm(admin_client):
    draft = make_post("draft", status="draft")
    assert "no page to warm" in act(admin_client, "post", "warm_selected", [draft.pk]).content.decode()
    assert not WarmRun.objects.exists()


def test_lists_start_a_run_of_their_pages(admin_client):
    make_blog(2)
    act(admin_client, "category", "warm_selected", list(Category.objects.values_list("pk", flat=True)))
    assert WarmRun.objects.get().choice["urls"] == ["/categories/news/", "/categories/notes/"]


def test_an_author_starts_no_run(member):
    make_blog(1)
    act(member("Authors"), "post", "warm_selected", [Post.objects.get().pk])
    assert not WarmRun.objects.exists()
