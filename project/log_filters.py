import logging
import time

HEALTH_PATHS = {"/healthz", "/readyz"}
# Hosts that are logged in a minute, each once: anybody can make up more.
HOSTS_A_MINUTE = 20
LONGEST_HOST = 100

logger = logging.getLogger(__name__)


class NoHealthChecks(logging.Filter):
    """Drops the lines about health checks that fail: a load balancer asks every second, and gets the reason."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        return getattr(request, "path", None) not in HEALTH_PATHS


class UnknownHosts:
    """Remembers which unknown hosts were logged in the current minute."""

    def __init__(self) -> None:
        self.minute = 0
        self.logged: set[str] = set()

    def is_new(self, host: str) -> bool:
        minute = int(time.monotonic() / 60)
        if minute != self.minute:
            self.minute = minute
            self.logged.clear()
        if host in self.logged or len(self.logged) >= HOSTS_A_MINUTE:
            return False
        self.logged.add(host)
        return True


unknown_hosts = UnknownHosts()


def log_unknown_host(host: str) -> None:
    """Each host once a minute. `host` comes from a stranger: it is quoted and cut."""
    shown = host[:LONGEST_HOST]
    if unknown_hosts.is_new(shown):
        logger.warning("Refused a request for the host %r. If it is yours, add it to ALLOWED_HOSTS.", shown)


class NoHostTracebacks(logging.Filter):
    """Replaces Django's traceback for an unknown host by the one line of `log_unknown_host`."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != "django.security.DisallowedHost":
            return True
        request = getattr(record, "request", None)
        log_unknown_host(request._get_raw_host() if request is not None else "")
        return False
