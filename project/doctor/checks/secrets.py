"""The secret key, and who else on this host can read files with secrets."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from project.doctor.finding import Finding, error, ok, warning

SHORTEST_KEY = 32


def check_secret_key() -> Iterator[Finding]:
    key = settings.SECRET_KEY
    if len(key) < SHORTEST_KEY or len(set(key)) < 5:
        yield error(
            f"SECRET_KEY has {len(key)} characters.",
            "Whoever guesses it can forge sessions and links for new passwords.",
            "Replace it as docs/secrets.md says: nobody is logged out.",
        )
    else:
        yield ok(
            f"SECRET_KEY has {len(key)} characters; {len(settings.SECRET_KEY_FALLBACKS)} older keys are accepted."
        )
    if settings.SECRET_KEY_FALLBACKS:
        yield warning(
            f"{len(settings.SECRET_KEY_FALLBACKS)} older secret keys are accepted.",
            "Whoever knows one can still forge sessions.",
            "Remove EVERGREEN_SECRET_KEY_FALLBACKS once two weeks have passed: no session is older.",
        )


def check_permissions() -> Iterator[Finding]:
    """Files and folders of this installation that other users can read or write."""
    faults = [fault for path in private_paths() if (fault := find_fault(path))]
    yield from faults
    if not faults:
        yield ok("Only this user can read the files with secrets.")


def private_paths() -> list[Path]:
    state = Path(settings.STATE_DIR)
    paths = [settings.BASE_DIR / ".env", state / "secret_key", state / "redis.url", *state.glob("*.sqlite3*")]
    return [path for path in paths if path.exists()]


def find_fault(path: Path) -> Finding | None:
    status = path.stat()
    others = stat.S_IMODE(status.st_mode) & 0o077
    # A service manager may own its environment file, and let the service's group read it.
    allowed = 0o040 if status.st_uid != os.geteuid() else 0
    if not others & ~allowed:
        return None
    return error(
        f"{path} has mode {stat.S_IMODE(status.st_mode):04o}.",
        "Other users of this host can read or change what only the site may know.",
        f"chmod 600 {path}",
    )
