"""Python, and the packages that the locks in requirements/ name."""

import re
import sys
from collections.abc import Iterator
from importlib import metadata

from django.conf import settings
from packaging.requirements import InvalidRequirement, Requirement

from project.doctor.finding import Finding, error, ok, skipped

OLDEST = (3, 11)
LOCKED = re.compile(r"^([A-Za-z0-9][^\s\\]*==[^\\\n]+)", re.MULTILINE)
MOST_SHOWN = 10


def check_python() -> Iterator[Finding]:
    version = sys.version.split()[0]
    if sys.version_info < OLDEST:
        yield error(f"Python is {version}.", "The site needs 3.11 or newer.", "Create the virtual environment anew.")
    else:
        yield ok(f"Python is {version}, at {sys.executable}.")


def check_packages() -> Iterator[Finding]:
    """Each locked package is installed in its locked version, those of the extras in use among them."""
    wanted = dict[str, str]()
    for name in list_locks():
        lock = settings.BASE_DIR / "requirements" / f"{name}.lock"
        if not lock.is_file():
            yield skipped(f"{lock} does not exist, so that the packages cannot be compared.")
            return
        wanted |= read_lock(lock.read_text())
    differing = [
        f"{name} {find_version(name) or 'missing'} instead of {version}"
        for name, version in sorted(wanted.items())
        if find_version(name) != version
    ]
    if differing:
        options = " ".join(f"-r requirements/{name}.lock" for name in list_locks())
        more = f" and {len(differing) - MOST_SHOWN} more" if len(differing) > MOST_SHOWN else ""
        yield error(
            f"{len(differing)} packages differ from the lock: {', '.join(differing[:MOST_SHOWN])}{more}.",
            "The site runs with versions that nobody has tested together.",
            f"Run `pip install --require-hashes {options}` in the release's virtual environment.",
        )
    else:
        yield ok(f"All {len(wanted)} locked packages are installed.")


def list_locks() -> list[str]:
    """Names of the locks with the packages that the settings ask for."""
    extras = {"errors": settings.SENTRY_DSN, "traces": settings.TRACES_URL}
    return ["app", *(name for name, url in extras.items() if url)]


def read_lock(text: str) -> dict[str, str]:
    """The locked versions by name, for this system and this Python."""
    versions = {}
    for line in LOCKED.findall(text):
        try:
            requirement = Requirement(line.strip())
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate():
            versions[requirement.name] = str(requirement.specifier).removeprefix("==")
    return versions


def find_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
