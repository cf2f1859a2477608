"""Python, and the packages that requirements/app.lock names."""

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
    """Each locked package is installed in its locked version."""
    lock = settings.BASE_DIR / "requirements" / "app.lock"
    if not lock.is_file():
        yield skipped(f"{lock} does not exist, so that the packages cannot be compared.")
        return
    wanted = read_lock(lock.read_text())
    differing = [
        f"{name} {find_version(name) or 'missing'} instead of {version}"
        for name, version in sorted(wanted.items())
        if find_version(name) != version
    ]
    if differing:
        more = f" and {len(differing) - MOST_SHOWN} more" if len(differing) > MOST_SHOWN else ""
        yield error(
            f"{len(differing)} packages differ from the lock: {', '.join(differing[:MOST_SHOWN])}{more}.",
            "The site runs with versions that nobody has tested together.",
            "Run `pip install --require-hashes -r requirements/app.lock` in the release's virtual environment.",
        )
    else:
        yield ok(f"All {len(wanted)} locked packages are installed.")


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
