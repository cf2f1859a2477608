"""The linter finds each planted migration that the running release would notice, and no safe one."""

import json
from pathlib import Path

import pytest

from tests.rollout.lint import OWN_APPS, new_migrations, read_baseline
from tests.support.databases import fresh_postgres
from tests.support.service import ROOT, clean_environment
from tests.support.warm_python import run_warm

HEAD = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

class Migration(migrations.Migration):
    {options}
    dependencies = {dependencies}
    operations = [{operations}]
"""
TABLE = """migrations.CreateModel(name="{name}", fields=[
    ("id", models.BigAutoField(primary_key=True)), ("name", models.TextField()), ("note", models.TextField()),
    ("old", models.TextField(null=True)), ("older", models.TextField(null=True)),
    ("count", models.IntegerField())])"""
UNIQUE = 'models.UniqueConstraint(fields=["name"], name="u")'
INDEX = 'models.Index(fields=["{field}"], name="{field}_index")'

# Name, operations, and a word of the fault; empty if it is safe. An option of the class is before its operations.
PLANTED = [
    ("nullable_column", 'migrations.AddField("Thing", "more", models.TextField(null=True))', ""),
    ("default_of_the_database", 'migrations.AddField("Thing", "n", models.IntegerField(db_default=0))', ""),
    ("new_table", TABLE.format(name="Third"), ""),
    ("index_beside_writers", f'atomic = False | AddIndexConcurrently("Thing", {INDEX.format(field="count")})', ""),
    ("not_null_without_default", 'migrations.AddField("Thing", "m", models.IntegerField(default=0))', "NOT NULL"),
    ("null_is_forbidden", 'migrations.AlterField("Thing", "more", models.TextField(default=""))', "NOT NULL"),
    ("blocking_index", f'migrations.AddIndex("Thing", {INDEX.format(field="note")})', "require-concurrent"),
    ("unique", f'migrations.AddConstraint("Thing", {UNIQUE})', "ADD_UNIQUE"),
    ("other_type", 'migrations.AlterField("Thing", "count", models.BigIntegerField())', "ALTER_COLUMN"),
    ("dropped_column", 'migrations.RemoveField("Thing", "old")', "ban-drop-column"),
    ("renamed_column", 'migrations.RenameField("Thing", "note", "remark")', "RENAME_COLUMN"),
    ("dropped_table", 'migrations.DeleteModel("Third")', "ban-drop-table"),
    ("renamed_table", 'migrations.RenameModel("Other", "Another")', "RENAME_TABLE"),
    ("contract", 'contract = True | migrations.RemoveField("Thing", "older")', ""),
    ("contract_renames", 'contract = True | migrations.RenameField("Thing", "name", "title")', "RENAME_COLUMN"),
]
SETTINGS = """
import os
from project.backups.aliases import settings_of
SECRET_KEY = "for tests only"
INSTALLED_APPS = ["planted"]
DATABASES = {"default": settings_of(os.environ["DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
RUN = """
import json, django
django.setup()
from tests.rollout.lint import lint, new_migrations
keys = new_migrations(["planted"], frozenset({"planted.0001_initial"}))
print(json.dumps([[name for _, name in keys], list(lint(keys))]))
"""


def plant(folder: Path) -> list[str]:
    """An app with these migrations; the names of all but the first."""
    package = folder / "planted" / "migrations"
    package.mkdir(parents=True)
    for place in (package, package.parent):
        (place / "__init__.py").touch()
    (folder / "planted_settings.py").write_text(SETTINGS)
    first = f"{TABLE.format(name='Thing')}, {TABLE.format(name='Other')}"
    names = ["0001_initial"]
    (package / "0001_initial.py").write_text(HEAD.format(options="", dependencies=[], operations=first))
    for number, (name, text, _) in enumerate(PLANTED, 2):
        options, _, operations = text.rpartition(" | ")
        text = HEAD.format(options=options, dependencies=[("planted", names[-1])], operations=operations)
        names.append(f"{number:04}_{name}")
        (package / f"{names[-1]}.py").write_text(text)
    return names[1:]


@pytest.fixture(scope="module")
def faults(tmp_path_factory, postgres_server) -> dict[str, str]:
    """What the linter says of each planted migration."""
    folder = tmp_path_factory.mktemp("planted")
    planted = plant(folder)
    with fresh_postgres(postgres_server) as url:
        environment = clean_environment() | {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "planted_settings",
            "PYTHONPATH": f"{folder}:{ROOT}",
        }
        done = run_warm(["-c", RUN], environment, folder)
    assert done.returncode == 0, done.stderr
    names, lines = json.loads(done.stdout)
    assert names == planted
    return {
        name: "\n".join(line for line in lines if line.startswith(f"planted.{full}:"))
        for full, (name, *_) in zip(planted, PLANTED, strict=True)
    }


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, _, word in PLANTED])
def test_each_planted_migration_is_judged(faults, name, word):
    if word:
        assert word in faults[name]
    else:
        assert faults[name] == ""


def test_the_baseline_holds_no_migration_that_does_not_exist():
    known = {".".join(key) for key in new_migrations(OWN_APPS, frozenset())}
    assert read_baseline() <= known
    assert "content.0001_initial" in known
