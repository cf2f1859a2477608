"""How the cache handled a response, in one word: for metrics, traces and the dashboard."""

from collections.abc import Iterable

from ..metrics.process_counts import OTHER, REASONS

_PASSED = frozenset({b"fwd=bypass", b"fwd=method"})
_MISSES = {f"fwd={reason}".encode(): f"miss {reason}" for reason in REASONS if reason != OTHER}


def outcome_of(headers: Iterable[Iterable[bytes]]) -> str:
    """One of OUTCOMES, by the last Cache-Status: ours (RFC 9211). Names of fields are in lower case, as in ASGI."""
    status = None
    for name, value in headers:
        if name == b"cache-status":
            status = value
    if status is None:
        return "none"
    # Key and detail come last. They hold text of others.
    parameters = status.partition(b"; key=")[0].partition(b"; detail=")[0].split(b"; ")[1:]
    return _outcome_of_parameters(parameters)


def _outcome_of_parameters(parameters: list[bytes]) -> str:
    if b"collapsed" in parameters:
        return "joined"
    forwarded = next((each for each in parameters if each.startswith(b"fwd=")), None)
    if b"hit" in parameters:
        if any(each.startswith(b"ttl=-") for each in parameters):
            return "stale"
        if forwarded is None:
            return "hit"
    if forwarded in _PASSED:
        return "pass"
    return _MISSES.get(forwarded or b"", f"miss {OTHER}")
