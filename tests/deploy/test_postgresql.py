"""PostgreSQL accepts the settings, the rules of access and the roles of deploy/postgresql."""

import shutil
import subprocess

import psycopg
import pytest

from tests.support.servers.postgres import running_postgres
from tests.support.targets import DEPLOY

FILES = DEPLOY / "postgresql"


@pytest.fixture(scope="module")
def server():
    with running_postgres() as running:
        yield running


def rows(server, query: str) -> list[tuple]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def test_the_server_knows_each_setting_and_accepts_its_value(server):
    """The server reads the file beside its own, and says of each line what is wrong with it."""
    copy = f"{server.folder}/evergreen.conf"
    shutil.copy(FILES / "postgresql.conf", copy)
    with open(f"{server.folder}/data/postgresql.conf", "a") as file:
        file.write(f"include '{copy}'\n")
    found = rows(server, f"SELECT name, error FROM pg_file_settings WHERE sourcefile = '{copy}'")
    lines = (FILES / "postgresql.conf").read_text().splitlines()
    assert len(found) == sum("=" in line and not line.startswith("#") for line in lines)
    # These need a restart, which the command line of the tests' server overrules.
    assert {error for _, error in found} <= {None, "setting could not be applied"}
    assert {name for name, error in found if error} <= {"max_connections", "shared_buffers"}


def test_the_rules_of_access_are_valid_and_refuse_the_rest(server):
    with open(f"{server.folder}/data/pg_hba.conf", "a") as file:
        file.write((FILES / "pg_hba.conf").read_text())
    errors = {error for (error,) in rows(server, "SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL")}
    assert errors <= {"hostssl record cannot match because SSL is disabled"}
    rules = [line.split() for line in (FILES / "pg_hba.conf").read_text().splitlines() if line[:1] not in ("#", "")]
    assert [rule[-1] for rule in rules[-2:]] == ["reject", "reject"]
    assert not any(rule[-1] in ("trust", "password", "md5") for rule in rules)


def test_the_roles_are_made_once(server):
    """A superuser runs it twice: the second time changes nothing. The role of backups reads, and writes nothing."""
    command = ["psql", "-h", "127.0.0.1", "-p", str(server.port), "-U", "evergreen", "-d", "postgres"]
    for _ in range(2):
        done = subprocess.run(
            [*command, "-v", "ON_ERROR_STOP=1", "-f", str(FILES / "roles.sql")], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert rows(server, "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'evergreen_backup'") == [
        (False, False)
    ]
    backup = server.url.replace("evergreen@", "evergreen_backup@").replace("/postgres", "/evergreen")
    with psycopg.connect(backup) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (id int)")
