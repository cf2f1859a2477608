"""The mail that the site sends, each message by a task: nobody's request waits for a mail server.

Links are made when the mail is sent, so that no queue has a token in it.
"""

import logging
import smtplib
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from content.models import Comment, SiteConfig

logger = logging.getLogger(__name__)

# Comments that a digest shows, and characters of each. It counts the others.
MOST_SHOWN, LONGEST_SHOWN = 10, 200
# Moderators who get a digest.
MOST_MODERATORS = 50
# If the cache has forgotten the last digest, comments of the last hour count as new.
FORGOTTEN = timedelta(hours=1)
DIGEST_SENT, NEWEST_TOLD = "mail:digest-sent", "mail:newest-told"


class TryAgain(Exception):
    """The mail server is down, or refuses for a while. The text has no address and no password."""


def send_password_reset(address: str, origin: str) -> int:
    """Send a link to each active account with that address and a password. Returns how many. Raises TryAgain."""
    users = list(PasswordResetForm().get_users(address))
    for user in users:
        deliver("password_reset", user.email, {"link": reset_link(user, origin), "user": user})
    return len(users)


def send_invitation(pk: int, origin: str) -> int:
    """A link by which a new account gets its first password. Raises TryAgain."""
    user = get_user_model()._default_manager.filter(pk=pk, is_active=True).exclude(email="").first()
    if user is None or user.has_usable_password():
        return 0
    deliver("invitation", user.email, {"link": reset_link(user, origin), "user": user})
    return 1


def reset_link(user: Any, origin: str) -> str:
    """Valid for PASSWORD_RESET_TIMEOUT, until the next login or the next new password."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse(
        "password_reset_confirm", kwargs={"uidb64": uid, "token": default_token_generator.make_token(user)}
    )
    return f"{settings.BASE_URL or origin}{path}"


def send_comment_digest() -> int:
    """One mail to each moderator if comments wait of which none was sent. Returns how many mails.

    At most one digest in COMMENT_DIGEST_MINUTES: the cache remembers it. Without a cache none is sent.
    """
    minutes = settings.COMMENT_DIGEST_MINUTES
    if not minutes or cache.get(DIGEST_SENT) is not None:
        return 0
    told = cache.get(NEWEST_TOLD)
    is_new = Q(pk__gt=told) if isinstance(told, int) else Q(created_at__gte=timezone.now() - FORGOTTEN)
    waiting = Comment.objects.filter(status=Comment.Status.PENDING)
    newest = waiting.filter(is_new).order_by("-pk").values_list("pk", flat=True).first()
    moderators = list_moderators()
    if newest is None or not moderators:
        return 0
    # First, so that a worker that dies now sends none twice. add() lets one of two workers pass.
    if not cache.add(DIGEST_SENT, True, timeout=minutes * 60):
        return 0
    context = digest_context(waiting)
    for moderator in moderators:
        try:
            deliver("waiting_comments", moderator, context)
        except TryAgain as error:
            cache.delete(DIGEST_SENT)
            logger.warning("Moderators hear of waiting comments later: %s", error)
            return 0
    cache.set(NEWEST_TOLD, newest, timeout=None)
    return len(moderators)


def list_moderators() -> list[str]:
    """Mail addresses of active staff who may change comments."""
    users = get_user_model()._default_manager.with_perm(
        "content.change_comment", backend="django.contrib.auth.backends.ModelBackend"
    )
    addresses = users.filter(is_active=True, is_staff=True).exclude(email="").values_list("email", flat=True)
    return sorted(set(addresses))[:MOST_MODERATORS]


def digest_context(waiting: QuerySet[Comment]) -> dict[str, Any]:
    shown = waiting.select_related("post").order_by("-pk")[:MOST_SHOWN]
    comments = [
        {"author": one_line(each.author_name), "post": one_line(each.post.title), "text": one_line(each.body)}
        for each in shown
    ]
    count = waiting.count()
    path = f"{reverse('admin:content_comment_changelist')}?status__exact=pending"
    return {"count": count, "comments": comments, "more": count - len(comments), "link": f"{settings.BASE_URL}{path}"}


def one_line(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"


def deliver(template: str, recipient: str, context: dict[str, Any]) -> None:
    """Plain text, its first line the subject. A permanent refusal is logged. Raises TryAgain."""
    title = SiteConfig.objects.values_list("title", flat=True).first() or "Evergreen"
    text = render_to_string(f"mail/{template}.txt", context | {"site": title})
    subject, _, body = text.partition("\n")
    message = EmailMessage(one_line(subject), body.strip() + "\n", to=[recipient])
    # Programs that answer mail leave such mail alone (RFC 3834).
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    try:
        message.send()
    except (smtplib.SMTPException, OSError) as error:
        if is_final(error):
            logger.error("The mail server refused a %s permanently: %s", template, describe(error))
        else:
            raise TryAgain(describe(error)) from None


def is_final(error: Exception) -> bool:
    """Whether a second try would be refused like the first: the recipient, or the message itself."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError | smtplib.SMTPSenderRefused) and error.smtp_code >= 500


def describe(error: Exception) -> str:
    code = getattr(error, "smtp_code", "")
    return f"{type(error).__name__} {code}".strip()
