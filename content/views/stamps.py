"""When a form was given out, signed: nothing about it needs to be kept."""

from django.core.signing import BadSignature, Signer

# Seconds; whoever takes longer gets a new one, and what was typed stays.
LASTS = 24 * 60 * 60
SIGNER = Signer(salt="content.comments")


def stamp(post: int, now: float) -> str:
    return SIGNER.sign(f"{post}:{int(now)}")


def age(stamped: str, post: int, now: float) -> float | None:
    """Seconds since that form was given out for that post; None for what is forged, another post's, or too old."""
    try:
        of_post, _, given_at = SIGNER.unsign(stamped).partition(":")
    except BadSignature:
        return None
    passed = now - int(given_at)
    return passed if of_post == str(post) and 0 <= passed <= LASTS else None
