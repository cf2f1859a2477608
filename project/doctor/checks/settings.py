"""Settings: Django's own checks with --deploy, the site's, and names that have no effect."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from project.doctor.finding import Finding, error, ok, warning


def check_settings() -> Iterator[Finding]:
    """The findings of `manage.py check --deploy`, and the warnings that the first process logs."""
    unknown = getattr(settings, "UNKNOWN_SETTINGS", [])
    for text in unknown:
        yield warning(text, "The value that you meant is not in use.", "Correct the name, or remove the line.")
    messages = [each for each in checks.run_checks(include_deployment_checks=True) if not each.is_silenced()]
    for message in messages:
        make = error if message.level >= checks.ERROR else warning
        yield make(
            f"{message.id}: {' '.join(message.msg.split())}",
            "Django's check of the configuration reports it.",
            message.hint or "Run `manage.py check --deploy` for the details.",
        )
    if not messages and not unknown:
        yield ok("`check --deploy` reports nothing, and each EVERGREEN_* variable is known.")


def check_addresses() -> Iterator[Finding]:
    """Hosts, the base URL and what goes with https."""
    hosts, base = settings.ALLOWED_HOSTS, settings.BASE_URL
    if "*" in hosts:
        yield warning(
            "ALLOWED_HOSTS is *.",
            "A request can name any host, and pages are stored for each.",
            "List the host names that readers use.",
        )
    if not base:
        yield warning(
            "EVERGREEN_BASE_URL is empty.",
            "Feeds, sitemaps and mail take their links from the request; workers know no address of the site.",
            "Set it to the address that readers use, as https://example.org.",
        )
    elif not is_allowed(urlsplit(base).hostname or "", hosts):
        yield error(
            f"The host of EVERGREEN_BASE_URL ({base}) is not in ALLOWED_HOSTS.",
            "Requests to the site's own address get 400.",
            "Add the host to ALLOWED_HOSTS.",
        )
    else:
        yield ok(f"The site is {base}, for the hosts {', '.join(hosts)}.")


def is_allowed(host: str, hosts: list[str]) -> bool:
    return any(each in ("*", host) or (each.startswith(".") and f".{host}".endswith(each)) for each in hosts)
