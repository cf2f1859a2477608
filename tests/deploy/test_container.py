"""The Dockerfile: a linter finds nothing, the image has what it needs and no more, and its steps work."""

import fnmatch
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.support.dockerfile import build, read_steps
from tests.support.servers.process import free_port
from tests.support.service import ROOT
from tests.support.targets import DEPLOY, containers_of, manifests_of, services_of_compose
from tests.support.wait import wait_until

FILE = DEPLOY / "container/Dockerfile"
ENTRY = DEPLOY / "container/evergreen"
ROLES = {"web", "worker", "beat", "migrate", "manage", "health"}


def steps_of(stage: str) -> list[tuple[str, str]]:
    """Those of its base as well, if that is a stage."""
    steps = list(read_steps(FILE))
    starts = [number for number, (instruction, _) in enumerate(steps) if instruction == "FROM"]
    stages = {
        steps[start][1].partition(" AS ")[2]: steps[start:end] for start, end in pairwise([*starts, len(steps)])
    }
    base = stages[stage][0][1].partition(" AS ")[0]
    return [*(steps_of(base) if base in stages else []), *stages[stage]]


def test_the_linter_finds_nothing():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "--failure-threshold", "warning", FILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_image_is_made_of_two_stages_and_runs_as_nobody_special():
    assert list(read_steps(FILE))[-1] == ("FROM", "runtime AS site"), "the last stage is built by default"
    steps = steps_of("site")
    assert ("USER", "10001:10001") in steps
    commands = " ".join(text for instruction, text in steps if instruction == "RUN")
    assert not {"pip", "apt-get", "gcc"} & set(commands.split())
    assert any(instruction == "HEALTHCHECK" for instruction, _ in steps)


def test_the_image_of_backups_has_pg_dump_and_the_same_user():
    users = [text for instruction, text in steps_of("backup") if instruction == "USER"]
    assert users[-1] == "10001:10001"
    assert any("postgresql-client" in text for _, text in steps_of("backup"))


def test_packages_are_those_of_the_lock_by_hash():
    (install,) = (
        text
        for instruction, text in read_steps(FILE)
        if instruction == "RUN" and " install " in text and "pip" in text
    )
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert install.startswith('for name in app ${EXTRAS}; do set -- "$@" -r "requirements/$name.lock"; done;')
    assert install.endswith('"$@"')


def test_what_is_copied_is_there_and_not_ignored():
    rules = (DEPLOY / "container/Dockerfile.dockerignore").read_text().splitlines()
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert "*" in rules, "all is left out, but as said: secrets beside the code are never in an image"
    copied = {
        text.split()[0] for instruction, text in read_steps(FILE) if instruction == "COPY" and "--from" not in text
    }
    assert copied == allowed
    assert all((ROOT / path).exists() for path in copied)
    assert not fnmatch.filter(copied, ".env*")


def test_each_target_starts_roles_that_the_image_has():
    commands = [
        service.get("command", ["web"])
        for service in services_of_compose().values()
        if "evergreen" in service["image"]
    ]
    for overlay in ("staging", "production"):
        for manifest in manifests_of(overlay):
            commands += [each["args"] for each in containers_of(manifest) if "evergreen" in each["image"]]
    assert {command[0] for command in commands} <= ROLES
    text = ENTRY.read_text()
    assert all(f"    {role}) exec " in text for role in ROLES)


def test_a_role_that_is_not_there_is_named():
    done = subprocess.run([ENTRY, "nonsense"], capture_output=True, text=True)
    assert done.returncode == 64
    assert "there is no role nonsense" in done.stderr


def test_health_is_the_age_of_the_file(tmp_path):
    alive = tmp_path / "alive"
    environment = os.environ | {
        "EVERGREEN_ALIVE_FILE": str(alive),
        "PATH": f"{Path(sys.executable).parent}:/bin:/usr/bin",
    }

    def health() -> int:
        return subprocess.run([ENTRY, "health"], env=environment, capture_output=True).returncode

    assert health() != 0
    alive.touch()
    assert health() == 0
    os.utime(alive, (0, 0))
    assert health() != 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_steps_make_a_site_that_serves(tmp_path, fresh_redis, postgres_server):
    """In folders: packages by hash from the index, static files, then the roles by their entry."""
    image = build(FILE, tmp_path, EXTRAS="errors traces")
    assert image.user == "10001:10001"
    extras = [image.path("/opt/venv/bin/python"), "-c", "import sentry_sdk, opentelemetry.sdk.trace"]
    subprocess.run(extras, env=image.variables(), check=True)
    static = image.path("/srv/evergreen/static")
    assert (static / "staticfiles.json").exists()
    assert not list(image.path("/srv/evergreen").rglob("tests"))
    for name, value in {"secret_key": "x" * 60, "database_url": postgres_server}.items():
        (tmp_path / name).write_text(value)
    state = tmp_path / "state"
    state.mkdir()
    environment = image.variables() | {
        "SECRET_KEY_FILE": str(tmp_path / "secret_key"),
        "DATABASE_URL_FILE": str(tmp_path / "database_url"),
        "REDIS_URL": fresh_redis,
        "CACHE_URL": fresh_redis,
        "EVERGREEN_STATE_DIR": str(state),
        "EVERGREEN_ALIVE_FILE": str(tmp_path / "alive"),
    }
    entry = image.path("/usr/local/bin/evergreen")

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen([entry, *words], env=environment, cwd=image.path(""), text=True)

    assert start("migrate").wait(300) == 0
    port = free_port()
    web = start("manage", "serve", "--port", str(port))
    try:

        def serves() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
            except httpx.HTTPError:
                return False

        wait_until(serves, "the image serves")
        assert start("health").wait(60) == 0
    finally:
        web.terminate()
        web.wait(60)
