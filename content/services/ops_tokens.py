"""Tokens of the operators' API: made, found, revoked. They block: call them from a thread."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.utils import timezone

from content.models import OpsToken, WarmRun

# Scanners for leaked secrets find a token by its beginning.
PREFIX = "evergreen_"
# Random bytes. A guess among 2^256 does not succeed, so the digest needs no salt and no slow function.
SIZE = 32
LONGEST = 200
LONGEST_DAYS = 3650
MOST_SHOWN = 5


class TokenError(ValueError):
    """A token that cannot be made, or is not there. Its text says why, and what to do."""


def create_token(
    name: str, scopes: Sequence[str], *, created_by: str, days: int | None = None
) -> tuple[OpsToken, str]:
    """The row, and the text of the token, which nobody can read again. It expires after `days`; None: never.

    Raises TokenError.
    """
    check_name(name)
    known = OpsToken.Scope.values
    if not scopes or not set(scopes) <= set(known):
        raise TokenError(f"A token has one scope or more: {', '.join(known)}.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise TokenError(f"A token expires after 1 to {LONGEST_DAYS:,} days, or never.")
    text = f"{PREFIX}{secrets.token_urlsafe(SIZE)}"
    try:
        with transaction.atomic():
            token = OpsToken.objects.create(
                name=name,
                scopes=sorted(set(scopes)),
                digest=digest_of(text),
                created_by=created_by[:150],
                expires_at=timezone.now() + timedelta(days=days) if days is not None else None,
            )
    except IntegrityError:
        check_name(name)
        raise
    return token, text


def check_name(name: str) -> None:
    """Raises TokenError for a name that no token may have, or that another has. Runs show it as who started them."""
    if not 0 < len(name) <= 100 or not name.isprintable() or name != name.strip():
        raise TokenError("The name of a token has 1 to 100 printable characters, without spaces around it.")
    same = OpsToken.objects.filter(name=name, revoked_at=None).first()
    if same is not None:
        raise TokenError(f"Token {same.pk} has the name {name}. Revoke it first, or choose another name.")


def digest_of(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def find_token(text: str) -> OpsToken | None:
    """The token of that text, in any state.

    The database compares digests. How long that takes says nothing of a token: nobody chooses the digest of a guess.
    """
    if not text.startswith(PREFIX) or len(text) > LONGEST:
        return None
    return OpsToken.objects.filter(digest=digest_of(text)).first()


def is_valid(pk: int) -> bool:
    """Whether the token may be used now: it may have been revoked since it was found."""
    token = OpsToken.objects.filter(pk=pk).first()
    return token is not None and token.state == "valid"


def revoke_token(pk: int) -> str:
    """It is refused from its next request on. Returns what happened, with the runs that go on. Raises TokenError."""
    token = OpsToken.objects.filter(pk=pk).first() if 0 < pk < 2**63 else None
    if token is None:
        newest = ", ".join(f"{each.pk} ({each.name})" for each in OpsToken.objects.all()[:MOST_SHOWN])
        raise TokenError(f"There is no token {pk}. " + (f"The newest are {newest}." if newest else "There is none."))
    if not OpsToken.objects.filter(pk=pk, revoked_at=None).update(revoked_at=timezone.now()):
        return f"Token {pk} ({token.name}) was revoked before."
    return f"Token {pk} ({token.name}) is revoked.{describe_runs(token)}"


def describe_runs(token: OpsToken) -> str:
    """A sentence with a space before it about the active runs that the token has started. Empty without one."""
    started = WarmRun.objects.filter(trigger=WarmRun.Trigger.API, started_by=token.name, state__in=WarmRun.ACTIVE)
    runs = ", ".join(map(str, started.values_list("pk", flat=True)[:MOST_SHOWN]))
    return f" Runs that it started go on: {runs}. End one with `warm_cache --run ID --cancel`." if runs else ""
