"""Django's settings of the mail server, from EVERGREEN_EMAIL_URL."""

from typing import Any
from urllib.parse import unquote, urlsplit

# For each scheme: STARTTLS, TLS from the first byte, the usual port.
SCHEMES = {"smtp": (False, False, 25), "smtp+tls": (True, False, 587), "smtp+ssl": (False, True, 465)}
ALLOWED = (
    "smtp+tls://user:password@host:587 (STARTTLS), smtp+ssl://user:password@host:465, or smtp://host:25 without "
    "encryption; characters such as @ and : of a password as %40 and %3A"
)
# Seconds for the connection, and for each answer.
TIMEOUT = 10
CONSOLE = "django.core.mail.backends.console.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def mail_settings(url: str) -> dict[str, Any]:
    """The settings EMAIL_*. Without a URL, mail is printed. Raises ValueError with what is allowed."""
    if not url:
        return {"EMAIL_BACKEND": CONSOLE}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(ALLOWED) from error
    is_plain = not (parts.query or parts.fragment or parts.path.strip("/"))
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0 or not is_plain:
        raise ValueError(ALLOWED)
    if bool(parts.username) != bool(parts.password):
        raise ValueError(ALLOWED)
    starttls, tls, usual = SCHEMES[parts.scheme]
    return {
        "EMAIL_BACKEND": SMTP,
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or usual,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": starttls,
        "EMAIL_USE_SSL": tls,
        "EMAIL_TIMEOUT": TIMEOUT,
    }
