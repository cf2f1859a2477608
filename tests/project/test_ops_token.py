"""manage.py ops_token: create prints the token alone on standard output; revoke and list."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from content.management import name_of_operator
from content.models import OpsToken
from content.services.ops_tokens import find_token

pytestmark = pytest.mark.django_db


def run(*words: str) -> tuple[str, str]:
    out, errors = StringIO(), StringIO()
    call_command("ops_token", *words, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def test_a_token_is_printed_once():
    out, errors = run("create", "deploy", "--scope", "warm", "--scope", "purge", "--expires", "30")
    token = find_token(out.removesuffix("\n"))
    assert (token.name, token.scopes, token.created_by) == ("deploy", ["purge", "warm"], name_of_operator())
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert f"Token {token.pk} (deploy) expires at" in errors
    assert out.strip() not in errors
    assert "does not expire" in run("create", "other", "--scope", "read")[1]


def test_tokens_are_listed_and_revoked():
    assert "There is no token" in run("list")[0]
    run("create", "deploy", "--scope", "warm")
    token = OpsToken.objects.get()
    assert run("list")[0] == f"{token.pk} deploy: valid, warm, never used\n"
    assert run("revoke", str(token.pk))[0] == f"Token {token.pk} (deploy) is revoked.\n"
    [row] = json.loads(run("list", "--json")[0])
    assert (row["id"], row["state"], row["scopes"], row["last_used_at"]) == (token.pk, "revoked", ["warm"], None)
    assert "digest" not in row


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create", "deploy"), "--scope"),
        (("create", "deploy", "--scope", "all"), "invalid choice: 'all'"),
        (("create", "deploy", "--scope", "warm", "--expires", "0"), "1 to 3,650 days"),
        (("create", "", "--scope", "warm"), "1 to 100"),
        (("revoke", "7"), "There is no token 7. There is none."),
        (("revoke", "deploy"), "invalid int"),
        ((), "verb"),
    ],
)
def test_a_wrong_command_has_a_clear_answer(words, message):
    with pytest.raises(CommandError, match=message):
        run(*words)
    assert not OpsToken.objects.exists()
