"""Tokens of the operators' API: without a valid one nothing is learned, and each use is recorded."""

import logging
from datetime import timedelta
from hashlib import sha256

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from content.api.ops import guard
from content.models import OpsRequest, OpsToken, WarmRun
from content.services import ops_requests
from content.services.ops_requests import prune_requests
from content.services.ops_tokens import TokenError, create_token, is_valid, revoke_token
from project.edge import PASSES
from tests.support.operators import OPS, Operator, data_of, problem_of

pytestmark = pytest.mark.django_db

PATHS = ["warm", "purge", "runs", "runs/1", "runs/1/cancel", "", "nothing", "runs/x/../y", "warm/", "%00", "a" * 3000]
METHODS = ["get", "post", "put", "patch", "delete", "head", "options", "trace"]


@pytest.fixture(autouse=True)
def without_limits(settings):
    settings.OPS_A_MINUTE = settings.OPS_FAILURES_A_MINUTE = 0


# --- without a valid token --------------------------------------------------------------------------------


def refusals(client, **options):
    return {
        (method, path): getattr(client, method)(f"{OPS}{path}", **options) for method in METHODS for path in PATHS
    }


def test_each_path_and_method_gets_the_same_401_whether_it_exists_or_not(client):
    WarmRun.objects.create(trigger="command", digest="x", release="y")
    responses = refusals(client)
    assert {response.status_code for response in responses.values()} == {401}
    assert len({response.content for (method, _), response in responses.items() if method != "head"}) == 1
    assert len({tuple(sorted(response.headers.items())) for response in responses.values()}) == 1
    response = client.get("/api/v1/ops")
    problem_of(response, 401)
    assert response.content == responses["get", "warm"].content
    assert response.headers["WWW-Authenticate"] == "Bearer"


WRONG = {
    "none": "",
    "another scheme": "Basic {text}",
    "no scheme": "{text}",
    "empty": "Bearer ",
    "a part": "Bearer {part}",
    "more": "Bearer {text}x",
    "another case": "Bearer {upper}",
    "two": "Bearer {text}, Bearer {text}",
    "its digest": "Bearer {digest}",
    "not UTF-8": "Bearer \xff\xfe",
    "long": "Bearer evergreen_" + "x" * 100_000,
    "a guess": "Bearer evergreen_" + "x" * 43,
}


@pytest.mark.parametrize("field", WRONG.values(), ids=WRONG)
def test_no_other_text_is_a_token(client, field):
    text = Operator().text
    sent = field.format(text=text, part=text[:-1], upper=text.upper(), digest=OpsToken.objects.get().digest)
    response = client.get(f"{OPS}runs", headers={"Authorization": sent})
    problem_of(response, 401)
    assert response.content == client.get(f"{OPS}runs").content
    assert OpsRequest.objects.count() == 0


def test_a_cookie_of_an_administrator_is_no_token(admin_client):
    problem_of(admin_client.post(f"{OPS}purge", {"everything": True}, content_type="application/json"), 401)


def test_a_body_is_not_even_read_without_a_token(client):
    for body in (b"", b"garbage", b"x" * 2_000_000):
        problem_of(client.post(f"{OPS}warm", body, content_type="application/json"), 401)


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_token_that_has_ended_gets_the_same_401_and_is_recorded(client, end):
    operator = Operator(days=1)
    assert operator.get("runs").status_code == 200
    used = operator.row().last_used_at
    if end == "revoked":
        revoke_token(operator.token.pk)
    else:
        OpsToken.objects.update(expires_at=timezone.now())
    response = operator.post("purge", {"everything": True})
    problem_of(response, 401)
    assert response.content == client.get(f"{OPS}runs").content
    row = OpsRequest.objects.first()
    assert (row.token, row.path, row.status, row.outcome) == (
        operator.token,
        f"{OPS}purge",
        401,
        f"The token is {end}.",
    )
    assert operator.row().last_used_at == used


def test_failed_attempts_are_limited_by_network_and_valid_tokens_are_not(client, settings, caplog):
    settings.OPS_FAILURES_A_MINUTE = 3
    operator = Operator()
    with caplog.at_level(logging.WARNING):
        statuses = [client.get(f"{OPS}{path}").status_code for path in ("warm", "x", "runs", "runs", "y")]
    assert statuses == [401, 401, 401, 429, 429]
    response = client.get(f"{OPS}warm")
    problem_of(response, 429)
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.content == client.post(f"{OPS}nothing").content
    assert caplog.text.count("had no token") == 3
    assert client.get(f"{OPS}warm", REMOTE_ADDR="192.0.2.7").status_code == 401
    assert operator.get("runs").status_code == 200


def test_a_token_has_a_limit_of_its_own(settings):
    settings.OPS_A_MINUTE = 2
    one, other = Operator(), Operator(name="other")
    assert [one.get("runs").status_code for _ in range(3)] == [200, 200, 429]
    response = one.get("runs")
    problem_of(response, 429)
    assert int(response.headers["Retry-After"]) >= 1
    assert other.get("runs").status_code == 200
    assert OpsRequest.objects.count() == 3


def test_a_database_that_is_down_is_503_for_everybody(client, monkeypatch):
    def fail(*args):
        raise DatabaseError("the secret of it")

    operator = Operator()
    monkeypatch.setattr(guard, "find_token", fail)
    response = operator.get("runs")
    problem_of(response, 503)
    assert response.headers["Retry-After"]
    assert b"secret" not in response.content


def test_an_order_that_cannot_be_recorded_is_not_carried_out(monkeypatch):
    def fail(*args, **kwargs):
        raise DatabaseError("read-only")

    operator = Operator()
    with monkeypatch.context() as broken:
        broken.setattr(guard, "open_request", fail)
        problem_of(operator.post("warm", {"everything": True}), 503)
    assert not WarmRun.objects.exists()
    monkeypatch.setattr(guard, "close_request", fail)
    data_of(operator.post("warm", {"everything": True}), 202)
    assert OpsRequest.objects.get().status is None


@pytest.mark.parametrize("path", ["/api/v1/ops", "/api/v1/ops/", "/api/v1/ops/warm", "/api/v1/ops/runs/7/cancel"])
def test_the_edge_passes_them(path):
    assert PASSES.match(path)
    assert not PASSES.match(path.replace("ops", "opsx"))


# --- scopes -----------------------------------------------------------------------------------------------

NEEDED = {
    ("post", "warm"): {"warm"},
    ("post", "purge"): {"purge"},
    ("get", "runs"): {"warm", "read"},
    ("get", "runs/1"): {"warm", "read"},
    ("post", "runs/1/cancel"): {"warm"},
    ("post", "runs/1/retry"): {"warm"},
}


@pytest.mark.parametrize("scope", ["warm", "purge", "read"])
def test_a_token_may_do_what_its_scope_allows_and_nothing_else(scope):
    operator = Operator(scope)
    for (method, path), scopes in NEEDED.items():
        response = getattr(operator, method)(path)
        assert (response.status_code != 403) == (scope in scopes), path
        if scope not in scopes:
            assert "has not the scope" in problem_of(response, 403)["detail"]
            needed = response.headers["WWW-Authenticate"]
            assert needed.startswith('Bearer error="insufficient_scope", scope="')
            assert set(needed.split('"')[3].split()) == scopes


def test_other_methods_are_405_and_other_paths_404(client):
    operator = Operator()
    for method, path, allowed in (
        ("get", "warm", "POST"),
        ("post", "runs", "GET, HEAD"),
        ("options", "warm", "POST"),
    ):
        response = getattr(operator.client, method)(f"{OPS}{path}", headers={"Origin": "https://example.org"})
        problem_of(response, 405)
        assert response.headers["Allow"] == allowed
    for path in ("", "nothing", "warm/", "runs/x", "runs/-1", f"runs/{'9' * 5000}", "%00"):
        problem_of(operator.get(path), 404)
    head = operator.client.head(f"{OPS}runs")
    assert (head.status_code, head.content) == (200, b"")


# --- at rest ----------------------------------------------------------------------------------------------


def test_only_the_digest_is_stored():
    operator = Operator()
    assert len(operator.text) == 53
    assert operator.token.digest == sha256(operator.text.encode()).hexdigest()
    data_of(operator.get("runs"))
    for row in (*OpsToken.objects.values(), *OpsRequest.objects.values()):
        assert operator.text not in repr(row)
        assert operator.text.removeprefix("evergreen_") not in repr(row)
    assert len({create_token(f"token {number}", ["read"], created_by="ann")[1] for number in range(50)}) == 50


@pytest.mark.parametrize(
    ("name", "scopes", "days", "words"),
    [
        ("", ["warm"], None, "1 to 100"),
        ("x" * 101, ["warm"], None, "1 to 100"),
        ("a\nb", ["warm"], None, "printable"),
        (" a", ["warm"], None, "spaces"),
        ("a", [], None, "one scope or more"),
        ("a", ["warm", "admin"], None, "warm, purge, read"),
        ("a", ["warm"], 0, "1 to 3,650"),
        ("a", ["warm"], 10**9, "1 to 3,650"),
        ("deploy", ["warm"], None, "has the name deploy"),
    ],
)
def test_a_wrong_token_is_refused_with_words(name, scopes, days, words):
    create_token("deploy", ["warm"], created_by="ann")
    with pytest.raises(TokenError, match=words):
        create_token(name, scopes, created_by="ann", days=days)
    assert OpsToken.objects.count() == 1


def test_a_name_is_free_again_once_its_token_is_revoked():
    first, _ = create_token("deploy", ["warm"], created_by="ann")
    assert revoke_token(first.pk) == f"Token {first.pk} (deploy) is revoked."
    assert "was revoked before" in revoke_token(first.pk)
    second, _ = create_token("deploy", ["warm"], created_by="ann", days=30)
    assert (is_valid(first.pk), is_valid(second.pk)) == (False, True)
    with pytest.raises(TokenError, match=rf"no token 999. The newest are {second.pk} \(deploy\), {first.pk}"):
        revoke_token(999)


# --- the audit --------------------------------------------------------------------------------------------


def test_each_use_is_recorded_with_who_what_when_and_outcome():
    operator = Operator()
    operator.post("warm", {"names": ["psot"]}, REMOTE_ADDR="2001:db8::7")
    operator.get("runs")
    operator.get("nothing")
    third, second, first = OpsRequest.objects.all()
    assert (first.token, first.method, first.path, first.status) == (operator.token, "POST", f"{OPS}warm", 422)
    assert (first.order, first.network, first.is_read) == ('{"names": ["psot"]}', "2001:db8::/64", False)
    assert "Did you mean post" in first.outcome
    assert (second.status, second.is_read, second.order) == (200, True, "")
    assert third.status == 404
    assert abs(operator.row().last_used_at - third.created_at) < timedelta(seconds=5)


def test_what_cannot_be_stored_is_recorded_in_part():
    operator = Operator()
    operator.post("warm", b"\x00\xff" + b"x" * 5000)
    row = OpsRequest.objects.get()
    assert (row.status, len(row.order)) == (400, 1000)
    assert "\0" not in row.order


def test_the_newest_records_are_kept(monkeypatch):
    monkeypatch.setattr(ops_requests, "MOST_KEPT", {False: 3, True: 2})
    monkeypatch.setattr(ops_requests, "PRUNE_EVERY", 1)
    operator = Operator()
    for _ in range(5):
        operator.get("runs")
        operator.post("nothing")
    assert prune_requests() == 0
    kept = OpsRequest.objects.values_list("is_read", flat=True)
    assert (list(kept).count(True), list(kept).count(False)) == (2, 3)


def test_a_token_with_records_is_not_deleted_with_its_maker():
    operator = Operator()
    operator.get("runs")
    User.objects.all().delete()
    assert operator.get("runs").status_code == 200


def test_a_form_of_another_site_is_refused():
    """A browser sends neither the token nor JSON by itself."""
    operator = Operator()
    response = Client(enforce_csrf_checks=True).post(f"{OPS}purge", {"everything": "true"})
    problem_of(response, 401)
    response = operator.client.post(f"{OPS}purge", {"everything": "true"})
    assert "Content-Type: application/json" in problem_of(response, 415)["detail"]
    assert response.headers["Accept"] == "application/json"
