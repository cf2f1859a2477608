from collections.abc import Iterable

from django.contrib.auth.models import User

from project.outgoing import send_after_commit

# Mails of one call.
MOST = 100


def invite(users: Iterable[User], origin: str) -> tuple[int, list[str]]:
    """Queue a mail for each account without a password. Returns their number, and why others get none."""
    sent, refused = 0, []
    for user in users:
        if not user.email:
            refused.append(f"{user} has no mail address.")
        elif not user.is_active:
            refused.append(f"{user} is not active.")
        elif user.has_usable_password():
            refused.append(f"{user} has a password already; the login page has a link for a new one.")
        elif sent >= MOST:
            refused.append(f"{user} was left out: {MOST} at most at once.")
        else:
            send_after_commit("send_invitation", user.pk, origin)
            sent += 1
    return sent, refused
