"""`manage.py migrate` only expands; `manage.py contract` takes away, once one release serves alone."""

import json

import pytest

from tests.support.service import ROOT, clean_environment
from tests.support.warm_python import run_warm

MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    {option}
    dependencies = {dependencies}
    operations = [{operation}]
"""
FIRST = """migrations.CreateModel(name="Thing", fields=[("id", models.BigAutoField(primary_key=True)),
    ("old", models.TextField(null=True)), ("older", models.TextField(null=True))])"""
SETTINGS = "from project.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'planted']\n"
# Each command of a list on standard input; what it printed, or its error.
RUN = """
import json, sys, time
from io import StringIO
import django
django.setup()
import msgspec
from django.core.management import CommandError, call_command
from content.caching.engines import log_server
from content.caching.release_registry import Announced, ReleaseRegistry
from project.rollout.plan import waiting_migrations
from django.db import connection
told = []
for words in json.loads(sys.argv[1]):
    if words[0] == "serve":
        registry = ReleaseRegistry(log_server("default"), "evergreen")
        with registry.server.sync_client() as client:
            client.delete(registry.key)
            for release in words[1:]:
                client.hset(registry.key, release, msgspec.msgpack.encode(Announced(time.time(), frozenset())))
        continue
    out = StringIO()
    try:
        call_command(*words, stdout=out)
        told.append(out.getvalue())
    except CommandError as error:
        told.append(f"error: {error}")
told.append([[each.name for each in some if each.app_label == "planted"] for some in waiting_migrations(connection)])
print(json.dumps(told))
"""


class Project:
    def __init__(self, folder, redis_url):
        self.folder = folder
        self.package = folder / "planted" / "migrations"
        self.package.mkdir(parents=True)
        (folder / "state").mkdir()
        for place in (self.package, self.package.parent):
            (place / "__init__.py").touch()
        (folder / "planted_settings.py").write_text(SETTINGS)
        self.names = []
        self.environment = clean_environment() | {
            "DJANGO_SETTINGS_MODULE": "planted_settings",
            "PYTHONPATH": f"{folder}:{ROOT}",
            "EVERGREEN_STATE_DIR": str(folder / "state"),
            "SECRET_KEY": "for tests only",
            "REDIS_URL": redis_url,
        }

    def add(self, operation, option=""):
        name = f"{len(self.names) + 1:04}"
        dependencies = [("planted", self.names[-1])] if self.names else []
        text = MIGRATION.format(option=option, dependencies=dependencies, operation=operation)
        (self.package / f"{name}.py").write_text(text)
        self.names.append(name)

    def run(self, *commands):
        """What each printed, and the waiting migrations: those that expand, those that contract."""
        done = run_warm(["-c", RUN, json.dumps(commands)], self.environment, self.folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def project(tmp_path, fresh_redis):
    return Project(tmp_path, fresh_redis)


QUIET = ["migrate", "--verbosity", "0"]
EXPAND = 'migrations.AddField("Thing", "{}", models.TextField(null=True))'
CONTRACT = 'migrations.RemoveField("Thing", "{}")'


def test_migrate_expands_and_contract_takes_away_when_one_release_serves(project):
    project.add(FIRST)
    assert project.run(QUIET)[-1] == [[], []]
    project.add(EXPAND.format("new"))
    project.add(CONTRACT.format("old"), "contract = True")
    *told, waiting = project.run(
        ["contract"], QUIET, ["migrate", "--check"], ["contract", "--dry-run"], ["serve", "one", "two"], ["contract"]
    )
    assert "Run `manage.py migrate` first" in told[0]
    assert "1 contract migrations wait: planted.0003" in told[3]
    assert "2 releases serve: one, two." in told[4]
    assert waiting == [[], ["0003"]]
    # The next upgrade came too early.
    project.add(EXPAND.format("newer"))
    *told, waiting = project.run(QUIET)
    assert "planted.0004 follow contract migrations that have not run: planted.0003" in told[0]
    assert waiting == [["0004"], ["0003"]]
    (project.package / "0004.py").unlink()
    *told, waiting = project.run(["serve", "one"], ["contract", "--verbosity", "0"], ["contract"])
    assert told == ["Contracted: planted.0003.\n", "No contract migration waits.\n"]
    assert waiting == [[], []]


def test_a_new_database_gets_all_at_once(project):
    """No release uses it yet. A plan backwards is complete too."""
    project.add(FIRST)
    project.add(CONTRACT.format("old"), "contract = True")
    assert project.run(QUIET)[-1] == [[], []]
    assert project.run(["migrate", "planted", "0001", "--verbosity", "0"])[-1] == [[], ["0002"]]
