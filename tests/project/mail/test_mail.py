"""Mail: typed settings, messages over SMTP, retries, digests, and resets that do not tell which accounts exist."""

import re

import pytest
from celery import Celery
from celery.exceptions import Retry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client

from content import limits
from content.models import Comment, Post
from project import outgoing
from project.environment import Environment, parse
from project.invitations import invite
from project.mail.server import SMTP, mail_settings
from project.wrong_settings import WrongSettings
from tests.support.servers.mail import running_mail_server
from tests.support.servers.redis import running_redis
from workers import mail, tasks

ASKED = "/admin/password_reset/"
LINK = re.compile(r"https://example\.org(/admin/reset/\S+)")


@pytest.fixture(scope="module")
def mail_server():
    with running_mail_server() as server:
        yield server


@pytest.fixture
def inbox(mail_server, settings):
    """The server, empty, as that of the site."""
    mail_server.messages.clear()
    mail_server.recipients.clear()
    mail_server.refusals.clear()
    for name, value in mail_settings(mail_server.url).items():
        setattr(settings, name, value)
    settings.DEFAULT_FROM_EMAIL = "Evergreen <site@example.org>"
    settings.BASE_URL = "https://example.org"
    cache.clear()
    limits.local.times.clear()
    return mail_server


@pytest.fixture
def queue(monkeypatch):
    """What would be sent to the broker: names and arguments. Tests run it themselves."""
    sent = []
    monkeypatch.setattr(outgoing, "_submit", lambda name, arguments: sent.append((name, arguments)))
    return sent


@pytest.fixture
def owner(db):
    return get_user_model().objects.create_superuser("owner", "owner@example.org", "the old password")


# --- settings ---------------------------------------------------------------------------------------------


def test_a_url_becomes_djangos_settings():
    found = mail_settings("smtp+tls://me%40example.org:a%3Ab@mail.example.org")
    assert found == {
        "EMAIL_BACKEND": SMTP,
        "EMAIL_HOST": "mail.example.org",
        "EMAIL_PORT": 587,
        "EMAIL_HOST_USER": "me@example.org",
        "EMAIL_HOST_PASSWORD": "a:b",
        "EMAIL_USE_TLS": True,
        "EMAIL_USE_SSL": False,
        "EMAIL_TIMEOUT": 10,
    }
    assert mail_settings("smtp+ssl://host")["EMAIL_PORT"] == 465
    assert "console" in mail_settings("")["EMAIL_BACKEND"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVERGREEN_EMAIL_URL", "mail.example.org"),
        ("EVERGREEN_EMAIL_URL", "http://mail.example.org"),
        ("EVERGREEN_EMAIL_URL", "smtp://hidden-word@host"),
        ("EVERGREEN_EMAIL_URL", "smtp://user:hidden-word@host:99999"),
        ("EVERGREEN_EMAIL_URL", "smtp://user:hidden-word@host/path"),
        ("EVERGREEN_EMAIL_FROM", "nobody"),
        ("EVERGREEN_EMAIL_FROM", "a@example.org\nBcc: b@example.org"),
        ("EVERGREEN_COMMENT_DIGEST_MINUTES", "-1"),
        ("EVERGREEN_SENTRY_DSN", "https://host/1"),
        ("EVERGREEN_SECRET_KEY_FALLBACKS", "short"),
    ],
)
def test_wrong_values_are_refused_without_telling_a_secret(name, value):
    with pytest.raises(WrongSettings, match=name) as caught:
        parse({name: value})
    assert "hidden-word" not in str(caught.value)
    assert name in Environment.model_fields


# --- a new password ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_password_is_reset_by_a_link_that_a_worker_sends(inbox, queue, owner, client):
    session = Client()
    session.force_login(owner)
    assert 'href="/admin/password_reset/"' in client.get("/admin/login/").text
    assert client.post(ASKED, {"email": "Owner@example.org"}, follow=True).redirect_chain == [
        ("/admin/password_reset/done/", 302)
    ]
    ((name, arguments),) = queue
    assert (name, arguments) == ("send_password_reset", ("Owner@example.org", "https://example.org"))
    assert inbox.messages == []
    assert tasks.send_password_reset(*arguments) == 1
    (message,) = inbox.messages
    assert inbox.recipients == ["owner@example.org"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    path = LINK.search(message.get_content()).group(1)
    form = client.get(path, follow=True)
    new = {"new_password1": "another long secret", "new_password2": "another long secret"}
    assert client.post(form.redirect_chain[-1][0], new).status_code == 302
    assert client.login(username="owner", password="another long secret")
    # The old session and the link have ended.
    assert session.get("/admin/").status_code == 302
    assert "invalid" in Client().get(path, follow=True).text


@pytest.mark.django_db(transaction=True)
def test_a_response_does_not_tell_whether_an_account_exists(
    inbox, queue, owner, client, django_assert_max_num_queries
):
    pages = []
    for address in ("owner@example.org", "nobody@example.org"):
        with django_assert_max_num_queries(0):
            response = client.post(ASKED, {"email": address})
        pages.append((response.status_code, response["Location"], response.content))
    assert pages[0] == pages[1]
    assert [name for name, _ in queue] == ["send_password_reset"] * 2
    assert tasks.send_password_reset("nobody@example.org", "https://example.org") == 0
    assert inbox.messages == []


@pytest.mark.django_db(transaction=True)
def test_resets_are_limited_by_client_and_by_address(inbox, queue, client):
    for _ in range(5):
        assert client.post(ASKED, {"email": "one@example.org"}).status_code == 302
    assert len(queue) == 3
    statuses = [client.post(ASKED, {"email": f"{n}@example.org"}).status_code for n in range(6)]
    assert statuses == [302] * 5 + [429]
    assert client.post(ASKED, {"email": "x@example.org"}, REMOTE_ADDR="198.51.100.7").status_code == 302


@pytest.fixture
def broker(monkeypatch):
    """A real broker, and the application's tasks handed to it as in production."""
    with running_redis() as server, Celery("tests", broker=server.url, set_as_current=False) as app:
        monkeypatch.setattr(outgoing, "sender", lambda: app.send_task)
        yield server


def wait_for_outgoing():
    outgoing._executor.submit(int).result(60)


@pytest.mark.django_db(transaction=True)
def test_a_mail_arrives_though_the_broker_has_stopped(inbox, broker, owner, client, caplog):
    client.post(ASKED, {"email": "owner@example.org"})
    wait_for_outgoing()
    assert inbox.messages == []
    assert broker.client().llen("celery") == 1
    broker.process.terminate()
    broker.process.wait()
    assert client.post(ASKED, {"email": "owner@example.org"}).status_code == 302
    wait_for_outgoing()
    assert inbox.recipients == ["owner@example.org"]
    assert "The broker does not answer (OperationalError)" in caplog.text
    assert broker.url not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_without_broker_and_mail_server_the_log_says_that_nothing_was_sent(inbox, owner, client, monkeypatch, caplog):
    def refuse():
        raise ConnectionError("redis://user:secret-word@host refuses")

    monkeypatch.setattr(outgoing, "sender", refuse)
    inbox.refusals.append("451 secret-word, later")
    assert client.post(ASKED, {"email": "owner@example.org"}).status_code == 302
    wait_for_outgoing()
    assert "send_password_reset failed (TryAgain), and is not repeated." in caplog.text
    assert "secret-word" not in caplog.text


# --- invitations ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_invitation_gives_a_first_password_and_is_for_new_accounts_only(inbox, queue, owner):
    users = get_user_model().objects
    new = users.create_user("new", "new@example.org")
    without = users.create_user("without")
    sent, refused = invite([new, without, owner], "https://example.org")
    assert (sent, len(refused)) == (1, 2)
    ((name, arguments),) = queue
    assert name == "send_invitation"
    assert tasks.send_invitation(*arguments) == 1
    assert tasks.send_invitation(owner.pk, "https://example.org") == 0
    (message,) = inbox.messages
    assert "Your name there is new." in message.get_content()
    browser = Client()
    form = browser.get(LINK.search(message.get_content()).group(1), follow=True)
    new_password = {"new_password1": "a first long secret", "new_password2": "a first long secret"}
    assert browser.post(form.redirect_chain[-1][0], new_password).status_code == 302
    assert browser.login(username="new", password="a first long secret")


@pytest.mark.django_db(transaction=True)
def test_the_admin_sends_invitations(inbox, queue, owner, client):
    new = get_user_model().objects.create_user("new", "new@example.org")
    client.force_login(owner)
    chosen = {"action": "send_invitations", "_selected_action": [new.pk, owner.pk]}
    page = client.post("/admin/auth/user/", chosen, follow=True)
    assert "1 invitations will be sent." in page.text
    assert "Owner has a password already" in page.text
    assert len(queue) == 1


# --- waiting comments -------------------------------------------------------------------------------------


def make_comment(post, body="Well said.", **fields):
    return Comment.objects.create(post=post, author_name="Bo", body=body, **fields)


@pytest.fixture
def post(db):
    return Post.objects.create(title="A walk", slug="a-walk", body="")


@pytest.mark.django_db(transaction=True)
def test_moderators_get_one_digest_for_many_comments(inbox, owner, post):
    moderator = get_user_model().objects.create_user("mod", "mod@example.org", "x" * 12, is_staff=True)
    moderator.user_permissions.add(Permission.objects.get(codename="change_comment"))
    get_user_model().objects.create_user("writer", "writer@example.org", "x" * 12, is_staff=True)
    for number in range(12):
        make_comment(post, f"Comment {number}\nBcc: everybody@example.org")
    make_comment(post, "approved", status="approved")
    assert mail.send_comment_digest() == 2
    assert sorted(inbox.recipients) == ["mod@example.org", "owner@example.org"]
    text = inbox.messages[0].get_content()
    assert inbox.messages[0]["Subject"] == "12 comments wait on Evergreen"
    assert 'Bo on "A walk":' in text
    assert "And 2 more." in text
    assert "https://example.org/admin/content/comment/?status__exact=pending" in text
    # Not again within the interval, and not for the same comments after it.
    make_comment(post, "later")
    assert mail.send_comment_digest() == 0
    cache.delete(mail.DIGEST_SENT)
    assert mail.send_comment_digest() == 2
    cache.delete(mail.DIGEST_SENT)
    assert mail.send_comment_digest() == 0


@pytest.mark.django_db(transaction=True)
def test_no_digest_is_sent_if_none_is_wanted(inbox, owner, post, settings):
    settings.COMMENT_DIGEST_MINUTES = 0
    make_comment(post)
    assert mail.send_comment_digest() == 0


@pytest.mark.django_db(transaction=True)
def test_a_digest_that_the_server_puts_off_is_sent_later(inbox, owner, post):
    make_comment(post)
    inbox.refusals.append("451 later")
    assert mail.send_comment_digest() == 0
    assert mail.send_comment_digest() == 1


# --- a mail server that fails -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_down_is_tried_again(inbox, owner, settings):
    inbox.refusals.append("451 later")
    with pytest.raises(Retry):
        tasks.send_password_reset.apply(args=("owner@example.org", ""), throw=True)
    settings.EMAIL_PORT = 1
    with pytest.raises(mail.TryAgain, match="ConnectionRefusedError"):
        mail.send_password_reset("owner@example.org", "")


@pytest.mark.django_db(transaction=True)
def test_a_refusal_for_good_is_logged_and_not_tried_again(inbox, owner, caplog):
    inbox.refusals.append("554 no such message")
    assert mail.send_password_reset("owner@example.org", "") == 1
    assert "refused a password_reset permanently: SMTPDataError 554" in caplog.text
    assert "owner@example.org" not in caplog.text
