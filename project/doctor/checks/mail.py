"""Mail: the server accepts a connection and the login. Nothing is sent."""

import smtplib
from collections.abc import Iterator

from django.conf import settings
from django.core.mail import get_connection

from project.doctor.finding import Finding, error, ok, warning


def check_mail() -> Iterator[Finding]:
    if settings.EMAIL_BACKEND != "django.core.mail.backends.smtp.EmailBackend":
        yield warning(
            "EVERGREEN_EMAIL_URL is empty: mail is printed to the log.",
            "Nobody gets a link for a new password, an invitation, or word of waiting comments.",
            "Set it to the URL of a mail server; docs/mail.md has its form.",
        )
        return
    connection = get_connection(timeout=4)
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        connection.open()
    except (smtplib.SMTPException, OSError) as failure:
        code = getattr(failure, "smtp_code", "")
        yield error(
            f"The mail server {server} cannot be used ({type(failure).__name__}{f' {code}' if code else ''}).",
            "Mail waits in the queue, and is given up after some hours.",
            "Check EVERGREEN_EMAIL_URL: the host, the port, TLS and the login.",
        )
        return
    connection.close()
    yield ok(f"The mail server {server} accepts the connection.")
