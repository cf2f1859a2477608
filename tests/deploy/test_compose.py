"""The compose file is valid by its schema and a linter, and each service is confined and finds its files."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.targets import COMPOSE, services_of_compose

TOOLS = Path(sys.executable).parent
SERVICES = services_of_compose()
OF_THE_SITE = {name for name, service in SERVICES.items() if service["image"].startswith("evergreen")}
JOBS = {"migrate", "backup", "cleanup"}

each_service = pytest.mark.parametrize("name", SERVICES)


def test_it_is_valid_by_its_schema():
    command = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_linter_finds_nothing_of_weight():
    """Images without digests, which an operator pins, and the public ports are of middle weight."""
    done = subprocess.run([TOOLS / "compose-lint", COMPOSE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    rules = {word for word in done.stdout.split() if word.startswith("CL-") and word[3:].isdigit()}
    assert rules <= {"CL-0004", "CL-0005", "CL-0019", "CL-0026"}


def test_it_has_every_part():
    assert {"web1", "web2", "worker", "beat", "redis-cache", "redis-log", "postgres", "nginx"} | JOBS == set(SERVICES)


@each_service
def test_each_service_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert "mem_limit" in service
    assert "healthcheck" in service
    # nginx opens the public ports, and changes its user.
    assert "user" in service or name == "nginx"


@each_service
def test_each_mounted_file_is_there(name):
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (COMPOSE.parent / source).exists(), source
        else:
            assert source in yaml.safe_load(COMPOSE.read_text())["volumes"]


def test_only_nginx_is_public_and_databases_reach_nobody():
    compose = yaml.safe_load(COMPOSE.read_text())
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert compose["networks"]["data"] == {"internal": True}
    for name in ("postgres", "redis-cache", "redis-log"):
        assert SERVICES[name]["networks"] == ["data"]
    (subnet,) = (each["subnet"] for each in compose["networks"]["front"]["ipam"]["config"])
    assert all(SERVICES[name]["environment"]["FORWARDED_ALLOW_IPS"] == subnet for name in OF_THE_SITE)


def test_secrets_are_files_that_are_never_committed():
    compose = yaml.safe_load(COMPOSE.read_text())
    for secret in compose["secrets"].values():
        file = COMPOSE.parent / secret["file"]
        ignored = subprocess.run(["git", "check-ignore", "-q", str(file)], cwd=COMPOSE.parent, check=False)
        assert ignored.returncode == 0, file
    assert "password" not in " ".join(str(service.get("environment")) for service in SERVICES.values()).replace(
        "/run/secrets/postgres_password", ""
    )
