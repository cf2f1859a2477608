"""The audit of the operators' API: a row for each request with a token, written before it is answered."""

from django.utils import timezone

from content.models import OpsRequest, OpsToken

# Rows that are kept: of orders, and of requests that only read.
MOST_KEPT = {False: 10_000, True: 1_000}
# Rows between two looks for old ones.
PRUNE_EVERY = 100


def open_request(token: OpsToken, *, method: str, path: str, network: str) -> OpsRequest:
    """Record that the token is used, before what it asks for is done."""
    now, is_read = timezone.now(), method in ("GET", "HEAD", "OPTIONS")
    if token.state == "valid":
        OpsToken.objects.filter(pk=token.pk).update(last_used_at=now)
    row = OpsRequest.objects.create(
        token=token, method=method[:10], path=without_nul(path)[:200], network=network[:50], is_read=is_read
    )
    if row.pk % PRUNE_EVERY == 0:
        prune_requests()
    return row


def close_request(row: OpsRequest, status: int | None, *, order: str = "", outcome: str = "") -> None:
    """Record how the request ended."""
    known = {"order": without_nul(order)[:1000], "outcome": without_nul(outcome)[:500]}
    OpsRequest.objects.filter(pk=row.pk).update(status=status, **known)


def without_nul(text: str) -> str:
    """PostgreSQL stores no NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def prune_requests() -> int:
    """Delete the oldest past MOST_KEPT. Returns how many."""
    pruned = 0
    for is_read, most in MOST_KEPT.items():
        rows = OpsRequest.objects.filter(is_read=is_read)
        last = rows.order_by("-pk").values_list("pk", flat=True)[most : most + 1]
        if last:
            pruned += rows.filter(pk__lte=last[0]).delete()[0]
    return pruned
