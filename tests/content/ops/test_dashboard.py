"""/ops/ over HTTP: who gets in, what the page says without a script, and the orders of operators."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from content.models import Purge, WarmRun
from content.ops import staff
from content.ops.panels import orders
from content.ops.snapshot import SOURCES
from content.ops.staff import Memory, Staff

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache", "blog", "clean_panels")]

PATHS = ["", "explain/?target=/", "warm/", "runs/1/", "runbooks/redis-down/", "nothing/at/all"]


@pytest.fixture
def clean_panels():
    for source in SOURCES:
        source.clear()
    staff.memory = Memory()


def client_of(name: str, *permissions: str, is_staff: bool = True) -> Client:
    user = User.objects.create_user(name, is_staff=is_staff)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


@pytest.fixture
def operator() -> Client:
    return client_of("ann", "steer_warmrun", "start_purge")


def send(client: Client, path: str, follow: bool = True, **fields: str):
    """As a browser does: with the token of a form of the dashboard."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text_of(client.get("/ops/")))
    assert token is not None
    return client.post(f"/ops/{path}", fields | {"csrfmiddlewaretoken": token[1]}, follow=follow)


def text_of(response) -> str:
    return response.content.decode()


def messages_of(response) -> str:
    return " ".join(re.findall(r'<li class="message[^>]*>(.*?)</li>', text_of(response), re.DOTALL))


# --- who gets in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_a_visitor_is_sent_to_log_in_whatever_the_path(client, path):
    for method in (client.get, client.post, client.head):
        response = method(f"/ops/{path}")
        assert (response.status_code, response["Location"]) == (302, "/admin/login/?next=%2Fops%2F")
        assert (response.content, response["Cache-Control"]) == (b"", "no-store")


@pytest.mark.parametrize("path", PATHS)
def test_an_account_that_is_no_staff_gets_the_same_403_everywhere(path):
    member = client_of("bob", is_staff=False)
    response = member.get(f"/ops/{path}")
    assert response.status_code == 403
    assert response["Cache-Control"] == "no-store"
    assert text_of(response) == text_of(member.get("/ops/"))


def test_an_invented_session_is_a_visitor(client):
    client.cookies["sessionid"] = "a" * 32
    assert client.get("/ops/")["Location"].startswith("/admin/login/")


def test_somebody_who_is_staff_no_more_is_out_with_the_next_request(operator):
    assert operator.get("/ops/").status_code == 200
    User.objects.update(is_staff=False)
    assert operator.get("/ops/").status_code == 403
    User.objects.update(is_active=False)
    assert operator.get("/ops/").status_code == 302


def test_no_page_of_operators_is_stored(operator):
    for path in ("", "explain/", "explain/?target=/"):
        response = operator.get(f"/ops/{path}")
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        assert "script-src" not in response["Content-Security-Policy"]
        assert response["Content-Security-Policy"].startswith("default-src 'self'")


def test_a_path_at_which_there_is_nothing_is_404_for_staff(operator):
    assert operator.get("/ops/nothing/at/all").status_code == 404
    assert operator.get("/ops/runbooks/secrets/").status_code == 404


# --- while the database is down ---------------------------------------------------------------------------


def test_staff_are_remembered_for_looking_alone(operator, monkeypatch):
    from django.db import OperationalError

    assert operator.get("/ops/").status_code == 200

    def fail(request):
        raise OperationalError

    monkeypatch.setattr(staff, "look_up", fail)
    assert operator.get("/ops/").status_code == 200
    response = send(operator, "warm/", kind="everything")
    assert "nobody can order" in messages_of(response)
    assert not WarmRun.objects.exists()
    stranger = Client()
    stranger.cookies["sessionid"] = "b" * 32
    assert stranger.get("/ops/").status_code == 503


def test_the_memory_of_staff_ends_and_is_bounded():
    now = 0.0
    memory = Memory(lambda: now)
    for number in range(staff.MOST + 1):
        memory.put(str(number), Staff("ann", frozenset({staff.PURGE})))
    assert memory.get("0") is None
    assert memory.get("1").may(staff.PURGE) is False
    memory.put("1", None)
    assert memory.get("1") is None
    now = staff.REMEMBERED
    assert memory.get("2") is None


# --- the page ---------------------------------------------------------------------------------------------


def test_the_page_is_whole_without_a_script(operator):
    WarmRun.objects.create(trigger="admin", started_by="<b>ann</b>", digest="d", choice={"everything": True})
    page = text_of(operator.get("/ops/"))
    for source in SOURCES:
        assert f'data-panel="{source.name}"' in page
    assert re.search(r'role="status" aria-live="polite">[^<]+\.</p>', page)
    assert "&lt;b&gt;ann&lt;/b&gt;" in page
    assert page.count("<h1") == 1
    for inline in ("<style", " style=", " onclick=", "javascript:"):
        assert inline not in page
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", page))


def test_failures_of_the_last_ordered_run_need_attention_and_those_of_the_loop_do_not(operator):
    now = timezone.now()
    WarmRun.objects.create(trigger="loop", digest="d", state="done", failed=3, ended_at=now)
    assert "could not warm" not in text_of(operator.get("/ops/"))
    WarmRun.objects.create(trigger="api", digest="e", state="done", failed=2, ended_at=now)
    orders.runs.clear()
    page = text_of(operator.get("/ops/"))
    assert "The last run of warming could not warm 2 targets." in page
    assert '<a href="/ops/runbooks/job-failed/">' in page


def test_orders_are_shown_to_those_who_may_give_them(operator):
    page, looker = text_of(operator.get("/ops/")), text_of(client_of("eve").get("/ops/"))
    assert 'action="/ops/warm/"' in page
    assert 'action="/ops/purge/"' in page
    assert "/ops/warm/" not in looker
    assert "/ops/purge/" not in looker


# --- orders -----------------------------------------------------------------------------------------------


def test_a_run_is_started_steered_and_retried(operator):
    response = send(operator, "warm/", kind="urls", text="/posts/post-0/ /posts/post-1/")
    run = WarmRun.objects.get()
    assert f">Run {run.pk}</a> is queued." in messages_of(response)
    assert (run.trigger, run.started_by, run.choice) == (
        "admin",
        "ann",
        {"urls": ["/posts/post-0/", "/posts/post-1/"]},
    )
    again = send(operator, "warm/", kind="urls", text="/posts/post-0/  /posts/post-1/ /posts/post-0/")
    assert "does the same, and is active" in messages_of(again)
    assert f'aria-label="Cancel Run {run.pk}"' in text_of(again)
    assert "is cancelled" in messages_of(send(operator, f"runs/{run.pk}/", verb="cancel"))
    assert "only one that is" in messages_of(send(operator, f"runs/{run.pk}/", verb="pause"))
    WarmRun.objects.update(state="done", failed=1)
    run.failures.create(target="sidebar:", reason="Error")
    assert f"retries the failures of run {run.pk}" in messages_of(send(operator, f"runs/{run.pk}/", verb="retry"))
    assert "is none of cancel" in messages_of(send(operator, f"runs/{run.pk}/", verb="<delete>"))
    assert "There is no run 999" in messages_of(send(operator, "runs/999/", verb="cancel"))


@pytest.mark.parametrize(
    ("kind", "choice"), [("popular", {}), ("stale", {"stale": True}), ("everything", {"everything": True})]
)
def test_kinds_that_need_no_name(operator, kind, choice):
    send(operator, "warm/", kind=kind)
    assert WarmRun.objects.get().choice == choice


def test_a_choice_that_cannot_be_warmed_is_said_beside_its_field(operator):
    response = send(operator, "warm/", kind="names", text="pots")
    assert (response.status_code, WarmRun.objects.exists()) == (422, False)
    assert 'aria-invalid="true"' in text_of(response)
    assert "There is no resource &#x27;pots&#x27;" in text_of(response)
    assert 'value="pots"' in text_of(response)
    assert send(operator, "warm/", kind="urls").status_code == 400
    assert send(operator, "warm/", kind="secrets", text="x").status_code == 400


def test_a_purge_says_what_it_touches_and_waits_for_the_confirmation(operator):
    fields = {"kind": "groups", "text": "post:post-0", "how": "soft"}
    asked = text_of(send(operator, "purge/", **fields))
    assert "would be made stale" in asked
    assert not Purge.objects.exists()
    hidden = dict(re.findall(r'<input type="hidden" name="(kind|text|how|confirmed)" value="([^"]*)">', asked))
    assert hidden == fields | {"confirmed": "true"}
    done = send(operator, "purge/", **hidden)
    row = Purge.objects.get()
    assert f">Purge {row.pk}</a>. Done: they are served as stale" in messages_of(done)
    assert (row.trigger, row.started_by, row.soft, row.state) == ("admin", "ann", True, "done")
    assert send(operator, "purge/", kind="everything", how="hard", confirmed="true").status_code == 200
    assert Purge.objects.first().soft is False


def test_a_purge_of_nothing_known_is_refused_with_words(operator):
    response = send(operator, "purge/", kind="names", text="<pots>", how="hard", confirmed="true")
    assert (response.status_code, Purge.objects.exists()) == (422, False)
    assert "Nothing was purged. There is no resource &lt;pots&gt;" in text_of(response)


def test_orders_need_the_permission_a_token_and_post(operator):
    looker = client_of("eve")
    looker.get("/ops/explain/")
    for client in (operator, looker):
        assert client.post("/ops/warm/", {"kind": "everything"}).status_code == 403
        assert client.get("/ops/purge/").status_code == 405 or client is looker
    token = re.search(r'value="(\w+)"', text_of(looker.get("/ops/")))
    assert token is not None
    for path in ("warm/", "purge/", "runs/1/"):
        fields = {"kind": "everything", "how": "hard", "confirmed": "true", "csrfmiddlewaretoken": token[1]}
        assert "You may look" in messages_of(looker.post(f"/ops/{path}", fields, follow=True))
    assert not WarmRun.objects.exists()
    assert not Purge.objects.exists()


# --- explaining -------------------------------------------------------------------------------------------


def test_an_address_and_a_key_are_explained(operator):
    page = text_of(operator.get("/ops/explain/", {"target": "/posts/post-0/"}))
    assert "nothing is stored under this key" in page
    assert "http://testserver/posts/post-0/" in page
    entry = text_of(operator.get("/ops/explain/", {"target": "post:post,<b>"}))
    assert "post,&lt;b&gt;: nothing is stored" in entry
    assert operator.get("/ops/explain/", {"target": "http://[bad"}).status_code == 200
    assert operator.get("/ops/explain/", {"target": "x" * 5000}).status_code == 200
