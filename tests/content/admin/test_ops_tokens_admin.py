"""Tokens in the admin: shown once, to those who may make them; revoked; and what was done with them."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.test import Client

from content.models import OpsRequest, OpsToken
from content.services.ops_tokens import find_token
from tests.support.admin_site import act, errors_of, form_values
from tests.support.operators import Operator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

ADD, LIST, REQUESTS = "/admin/content/opstoken/add/", "/admin/content/opstoken/", "/admin/content/opsrequest/"
FORM = {"name": "deploy", "scopes": ["warm", "read"], "days": "30"}


def token_in(html: str) -> str:
    return html.partition("<code>")[2].partition("</code>")[0]


def test_a_new_token_is_shown_once_and_stored_nowhere(admin_client):
    assert form_values(admin_client.get(ADD))["days"] == 365
    response = admin_client.post(ADD, FORM)
    text = token_in(response.content.decode())
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    token = find_token(text)
    assert (token.name, token.scopes, token.created_by) == ("deploy", ["read", "warm"], "admin")
    assert (token.expires_at - token.created_at).days in (29, 30)
    for page in (LIST, f"{LIST}{token.pk}/change/", "/admin/"):
        assert text not in admin_client.get(page).content.decode()
    stored = [*Session.objects.values(), *LogEntry.objects.values(), *OpsToken.objects.values()]
    assert text not in repr(stored) + repr(admin_client.cookies)
    assert LogEntry.objects.get().object_id == str(token.pk)


def test_a_second_submit_makes_no_second_token(admin_client):
    admin_client.post(ADD, FORM)
    assert "has the name deploy" in errors_of(admin_client.post(ADD, FORM))
    for wrong in ({"scopes": []}, {"scopes": ["admin"]}, {"days": "0"}, {"name": ""}):
        assert errors_of(admin_client.post(ADD, FORM | {"name": "other"} | wrong))
    assert OpsToken.objects.count() == 1


def test_a_token_that_never_expires_is_made_by_an_empty_field(admin_client):
    admin_client.post(ADD, FORM | {"days": ""})
    assert OpsToken.objects.get().expires_at is None


def test_tokens_are_revoked_at_their_next_request(admin_client):
    one, other = Operator(), Operator(name="other")
    html = act(admin_client, "opstoken", "revoke", [one.token.pk]).content.decode()
    assert f"Token {one.token.pk} (deploy) is revoked." in html
    assert (one.get("runs").status_code, other.get("runs").status_code) == (401, 200)
    assert LogEntry.objects.get().change_message == "Revoked."
    assert 'value="delete_selected"' not in admin_client.get(LIST).content.decode()


def test_what_was_done_is_listed_and_found(admin_client):
    Operator().post("warm", {"names": ["psot"]})
    Operator(name="other").get("runs")
    html = admin_client.get(f"{REQUESTS}?q=psot").content.decode()
    assert "/api/v1/ops/warm" in html
    assert "/api/v1/ops/runs" not in html
    page = admin_client.get(f"{REQUESTS}{OpsRequest.objects.last().pk}/change/").content.decode()
    assert "Did you mean post" in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize("permissions", [(), ("view_opstoken", "view_opsrequest")])
def test_who_may_not_manage_tokens_makes_and_revokes_none(permissions):
    operator = Operator()
    user = User.objects.create_user("eve", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    assert client.post(ADD, FORM | {"name": "mine"}).status_code == 403
    act(client, "opstoken", "revoke", [operator.token.pk])
    assert OpsToken.objects.get().state == "valid"
    assert client.get(LIST).status_code == (200 if permissions else 403)


@pytest.mark.parametrize("group", ["Authors", "Editors", "Moderators"])
def test_no_group_has_tokens(member, group):
    assert member(group).get(LIST).status_code == 403
