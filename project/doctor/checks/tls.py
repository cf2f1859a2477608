"""The certificate of EVERGREEN_BASE_URL, as a browser sees it."""

import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from project.doctor.finding import Finding, Status, error, ok, skipped, warning

SECONDS = 4.0
DAY = 86400
# Days that it is still valid. Let's Encrypt renews 30 days before the end.
SOON, TOO_SOON = 21, 3
# OpenSSL's X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT and X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN.
SIGNED_BY_ITSELF = (18, 19)


def check_certificate() -> Iterator[Finding]:
    parts = urlsplit(settings.BASE_URL)
    if parts.scheme != "https":
        yield skipped("EVERGREEN_BASE_URL is not https.")
        return
    host, port = str(parts.hostname), parts.port or 443
    try:
        ends = read_end(host, port)
    except ssl.SSLCertVerificationError as failure:
        yield from judge_untrusted(host, port, failure)
    except (OSError, ValueError) as failure:
        yield warning(
            f"{host}:{port} cannot be reached from here ({type(failure).__name__}).",
            "Readers may not reach it either, unless the network forbids it only here.",
            "Check DNS, the firewall and nginx.",
        )
    else:
        yield judge((ends - time.time()) / DAY, host)


def judge_untrusted(host: str, port: int, failure: ssl.SSLCertVerificationError) -> Iterator[Finding]:
    """One that is signed by itself is what the installer makes: only its name and its days can be wrong."""
    try:
        if failure.verify_code not in SIGNED_BY_ITSELF:
            raise failure
        ends = read_end(host, port, trusted=ssl.get_server_certificate((host, port), timeout=SECONDS))
    except ssl.SSLCertVerificationError as final:
        yield error(
            f"The certificate of {host}:{port} is not valid: {final.verify_message}.",
            "Browsers show a warning instead of the site.",
            "Renew it, and reload nginx.",
        )
        return
    yield warning(
        f"The certificate of {host} is signed by itself, or by an authority of your own.",
        "Browsers show a warning instead of the site, unless they were told to trust it.",
        "Get one from an authority: docs/install.md has the lines for Let's Encrypt.",
    )
    if (finding := judge((ends - time.time()) / DAY, host)).status > Status.OK:
        yield finding


def read_end(host: str, port: int, *, trusted: str | None = None) -> float:
    """Unix seconds. `trusted`: the one certificate that is accepted, as PEM. Raises SSLError or OSError."""
    context = ssl.create_default_context(cadata=trusted)
    if trusted is not None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
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
