"""The certificate of EVERGREEN_BASE_URL, as a browser sees it."""

import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from project.doctor.finding import Finding, error, ok, skipped, warning

SECONDS = 4.0
DAY = 86400
# Days that it is still valid. Let's Encrypt renews 30 days before the end.
SOON, TOO_SOON = 21, 3


def check_certificate() -> Iterator[Finding]:
    parts = urlsplit(settings.BASE_URL)
    if parts.scheme != "https":
        yield skipped("EVERGREEN_BASE_URL is not https.")
        return
    host, port = str(parts.hostname), parts.port or 443
    try:
        ends = read_end(host, port)
    except ssl.SSLCertVerificationError as failure:
        yield error(
            f"The certificate of {host}:{port} is not valid: {failure.verify_message}.",
            "Browsers show a warning instead of the site.",
            "Renew it, and reload nginx.",
        )
    except (OSError, ValueError) as failure:
        yield warning(
            f"{host}:{port} cannot be reached from here ({type(failure).__name__}).",
            "Readers may not reach it either, unless the network forbids it only here.",
            "Check DNS, the firewall and nginx.",
        )
    else:
        yield judge((ends - time.time()) / DAY, host)


def read_end(host: str, port: int) -> float:
    """Unix seconds. Raises SSLError or OSError."""
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host) as tls,
    ):
        certificate = tls.getpeercert() or {}
    return ssl.cert_time_to_seconds(str(certificate["notAfter"]))


def judge(days: float, host: str) -> Finding:
    if days < SOON:
        make = error if days < TOO_SOON else warning
        return make(
            f"The certificate of {host} ends in {days:.0f} days.",
            "Then browsers show a warning instead of the site.",
            "Check why it was not renewed.",
        )
    return ok(f"The certificate of {host} is valid for {days:.0f} days.")
