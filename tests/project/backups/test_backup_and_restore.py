"""Backups on SQLite and PostgreSQL: restored elsewhere they are equal by hash; broken ones are found."""

import json
import shutil
import sqlite3
import threading
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from project.backups import sqlite
from project.backups.aliases import settings_of
from project.backups.drill import run_drill
from project.backups.folder import new_backup, remove_old
from project.backups.manifest import BadBackup, read_manifest
from project.backups.restoring import restore_database
from tests.support.databases import fresh_postgres
from tests.support.service import ROOT, clean_environment, manage_each, run_python
from tests.support.warm_python import run_warm

MAKE = """
from datetime import UTC, datetime
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from content.models import Author, Category, Comment, MediaFile, Post, Tag
user = get_user_model().objects.create_superuser("owner", "owner@example.org", "a password")
store = SessionStore()
store["_auth_user_id"] = str(user.pk)
store.create()
category = Category.objects.create(name="Wald", slug="wald")
tag = Tag.objects.create(name="Bäume 🌲", slug="trees")
author = Author.objects.create(name="Ann", slug="ann")
for number in range(5):
    post = Post.objects.create(
        title=f"Post {number}", slug=f"post-{number}", body="Text with ümlauts.", status="published",
        published_at=datetime(2026, 1, 1 + number, 12, 30, 1, 123456, UTC), category=category,
    )
    post.tags.add(tag)
    Comment.objects.create(post=post, author_name="Bo", body="Well.")
media = MediaFile()
media.file.save("note.pdf", ContentFile(b"%PDF-1.4 a file"), save=True)
"""


class Site:
    """A site with posts, a session and a file, its backup, and what the drill said about it."""

    def __init__(self, folder: Path, database: dict[str, str]) -> None:
        (folder / "state").mkdir()
        (folder / "scratch").mkdir()
        own = {
            "EVERGREEN_STATE_DIR": str(folder / "state"),
            "CACHE_URL": "locmem://site",
            "SECRET_KEY": "for tests only",
        }
        self.folder = folder
        self.environment = clean_environment() | own | database
        self.url = database.get("DATABASE_URL", f"sqlite:///{folder}/state/evergreen.sqlite3")
        made = ["backup", str(folder / "backups")]
        manage_each(self.environment, ["migrate", "--verbosity", "0"], ["shell", "--command", MAKE], made)
        self.backup = only_backup(folder / "backups")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    if request.param == "sqlite":
        yield Site(folder, {})
        return
    with fresh_postgres(request.getfixturevalue("postgres_server")) as url:
        yield Site(folder, {"DATABASE_URL": url})


def manage(environment, *words: str) -> str:
    return run_python(environment, str(ROOT / "manage.py"), *words)


def fail(environment, *words: str) -> str:
    """What the command says that must fail."""
    done = run_warm([ROOT / "manage.py", *words], environment)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def only_backup(folder: Path) -> Path:
    (found,) = [each for each in folder.iterdir() if each.name.startswith("evergreen-")]
    return found


def databases(url: str) -> set[str]:
    with closing(psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True)) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_a_drill_restores_all_of_it_and_leaves_nothing(site):
    manifest = json.loads((site.backup / "manifest.json").read_text())
    assert manifest["tables"]["content_post"]["rows"] == 5
    assert manifest["tables"]["django_session"]["rows"] == 1
    assert [name for name in manifest["files"] if name.startswith("media/")]
    assert {path.stat().st_mode & 0o077 for path in [site.backup, *site.backup.rglob("*")]} == {0}
    before = databases(site.url) if "postgres" in site.url else None
    told = manage(site.environment, "restore_drill", str(site.backup), "--folder", str(site.folder / "scratch"))
    assert "Restored and equal" in told
    assert "1 sessions among them" in told
    assert "1 media files" in told
    assert "minutes" in told
    assert not list((site.folder / "scratch").iterdir())
    assert before is None or databases(site.url) == before


def spoil_nothing(backup: Path) -> None:
    shutil.rmtree(backup)
    backup.mkdir()


def truncate_database(backup: Path) -> None:
    path = next(backup.glob("database.*"))
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_byte(backup: Path) -> None:
    path = next(backup.glob("database.*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lose_a_file(backup: Path) -> None:
    next(path for path in (backup / "media").rglob("*") if path.is_file()).unlink()


def add_a_file(backup: Path) -> None:
    (backup / "media" / "stray.pdf").write_bytes(b"stray")


def truncate_manifest(backup: Path) -> None:
    path = backup / "manifest.json"
    path.write_text(path.read_text()[:-10])


def leave_the_folder(backup: Path) -> None:
    path = backup / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["../../etc/passwd"] = manifest["files"][next(iter(manifest["files"]))]
    path.write_text(json.dumps(manifest))


def empty_manifest(backup: Path) -> None:
    path = backup / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"migrations": [], "files": {}, "tables": {}}))


def other_rows(backup: Path) -> None:
    """Files that match their hashes, and rows that do not: the backup of another moment."""
    path = backup / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tables"]["content_post"]["rows"] = 6
    manifest["tables"]["auth_user"]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))


BROKEN = [
    (spoil_nothing, "this is no finished backup"),
    (truncate_database, "bytes instead of"),
    (flip_a_byte, "has other bytes than were backed up"),
    (lose_a_file, ".pdf is missing."),
    (add_a_file, "media/stray.pdf is not in the manifest."),
    (truncate_manifest, "is damaged"),
    (leave_the_folder, "outside of the backup"),
    (empty_manifest, "the backup is empty"),
    (other_rows, "Table content_post has 5 rows instead of 6."),
]


def test_each_broken_backup_is_found_and_named(site, tmp_path, django_db_blocker):
    server = settings_of(site.url)
    for spoil, words in BROKEN:
        copy = tmp_path / spoil.__name__
        shutil.copytree(site.backup, copy)
        spoil(copy)
        try:
            with django_db_blocker.unblock():
                told = "\n".join(run_drill(copy, server).differences)
        except BadBackup as error:
            told = str(error)
        assert words in told, spoil.__name__


def test_only_an_empty_database_is_filled(site, postgres_server, django_db_blocker):
    """And only one of the same kind."""
    manifest = read_manifest(site.backup)
    with django_db_blocker.unblock(), pytest.raises(BadBackup, match=r"exists already|Create an empty one"):
        restore_database(site.backup, manifest, settings_of(site.url))
    other = postgres_server if site.url.startswith("sqlite") else "sqlite:////nowhere"
    with pytest.raises(BadBackup, match="The backup is of"):
        restore_database(site.backup, manifest, settings_of(other))


def test_a_restored_site_ends_what_caches_know_of_a_later_state(site, tmp_path, postgres_server):
    """Each watched model has a change of all rows that no log has; and new rows get new numbers."""
    with ExitStack() as until_the_end:
        url = f"sqlite:///{tmp_path}/restored.sqlite3"
        if "postgres" in site.url:
            url = until_the_end.enter_context(fresh_postgres(postgres_server))
        media = tmp_path / "restored-media"
        told = manage(site.environment, "restore", str(site.backup), "--database", url, "--media", str(media))
        assert "Set DATABASE_URL and EVERGREEN_MEDIA_ROOT" in told
        restored = site.environment | {"DATABASE_URL": url, "EVERGREEN_MEDIA_ROOT": str(media)}
        assert manage(restored, "shell", "--command", COUNT).split()[-3:] == ["True", "5", "6"]
        assert [path.read_bytes() for path in media.rglob("*.pdf")] == [b"%PDF-1.4 a file"]


COUNT = """
from content.caching.watch.declaration import watches
from content.caching.watch.models import WatchedChange
from content.models import Post
waiting = set(WatchedChange.objects.filter(epoch="", changes='"*"').values_list("model", flat=True))
print(waiting == set(watches), Post.objects.count(), Post.objects.create(title="New", slug="new", body="").pk)
"""


def test_a_backup_is_of_one_moment_while_others_write(tmp_path):
    """On SQLite another connection writes between two steps of the copy."""
    source = tmp_path / "site.sqlite3"
    with closing(sqlite3.connect(source, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE pair(left INTEGER, right INTEGER, filling TEXT)")
        writer.executemany("INSERT INTO pair VALUES (?, ?, ?)", [(0, 0, "x" * 2000)] * 3000)
        sqlite.PAGES, before = 50, sqlite.PAGES
        try:
            steps = write_meanwhile(writer, lambda: sqlite.copy_database(source, tmp_path / "copy.sqlite3"))
        finally:
            sqlite.PAGES = before
    assert steps > 0
    with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as copy:
        assert copy.execute("SELECT count(*) FROM pair WHERE left <> right").fetchone() == (0,)


def write_meanwhile(writer: sqlite3.Connection, work) -> int:
    thread = threading.Thread(target=work)
    thread.start()
    steps = 0
    while thread.is_alive() and steps < 20:
        writer.execute("UPDATE pair SET left = left + 1, right = right + 1 WHERE rowid % 97 = 0")
        steps += 1
    thread.join()
    return steps


def test_only_the_newest_are_kept_and_a_half_one_is_removed(tmp_path):
    (tmp_path / ".partial-evergreen-20200101T000000Z").mkdir()
    (tmp_path / "something-else").mkdir()
    for day in (1, 2, 3):
        with new_backup(tmp_path, datetime(2026, 1, day, tzinfo=UTC)) as partial:
            (partial / "manifest.json").write_text("{}")
    assert [each.name for each in remove_old(tmp_path, 2)] == ["evergreen-20260101T000000Z"]
    with pytest.raises(RuntimeError), new_backup(tmp_path, datetime(2026, 1, 4, tzinfo=UTC)):
        raise RuntimeError
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == [".lock", "evergreen-20260102T000000Z", "evergreen-20260103T000000Z", "something-else"]


def test_two_backups_into_one_folder_do_not_meet(tmp_path):
    with new_backup(tmp_path, datetime(2026, 1, 1, tzinfo=UTC)) as partial:
        with pytest.raises(BadBackup, match="Another process"), new_backup(tmp_path, datetime.now(UTC)):
            pass
        assert partial.is_dir()


def test_an_empty_database_is_not_backed_up(tmp_path):
    environment = clean_environment() | {"EVERGREEN_STATE_DIR": str(tmp_path), "CACHE_URL": "locmem://x"}
    sqlite3.connect(tmp_path / "evergreen.sqlite3").close()
    assert "there is nothing to back up" in fail(environment, "backup", str(tmp_path / "backups"))
    assert [each.name for each in (tmp_path / "backups").iterdir()] == [".lock"]


def test_secrets_are_left_out_unless_somebody_asks(tmp_path):
    environment = clean_environment() | {"EVERGREEN_STATE_DIR": str(tmp_path), "CACHE_URL": "locmem://x"}
    kept = ["backup", str(tmp_path / "with"), "--secrets", "--keep", "1"]
    manage_each(environment, ["migrate", "--verbosity", "0"], ["backup", str(tmp_path / "without")], kept)
    assert not (only_backup(tmp_path / "without") / "secrets").exists()
    key = only_backup(tmp_path / "with") / "secrets" / "secret_key"
    assert (key.stat().st_mode & 0o777, key.read_text()) == (0o600, (tmp_path / "secret_key").read_text())


LOOK = """
from content.models import ListedPost, Post
from content.caching.watch.models import WatchedChange
post = Post.objects.create(title="New", slug="new", body="", status="published", category_id=1)
print(post.pk, ListedPost.objects.filter(post=post).exists(), WatchedChange.objects.filter(changes='"*"').exists())
"""


def test_sqlite_is_copied_to_postgresql_equal_by_hash(site, postgres_server):
    """Afterwards new rows get new numbers, and triggers fill the lists."""
    if not site.url.startswith("sqlite"):
        assert "has" in fail(site.environment, "copy_database", site.url)
        return
    with fresh_postgres(postgres_server) as url:
        assert "Copied and equal" in manage(site.environment, "copy_database", url)
        moved = site.environment | {"DATABASE_URL": url}
        assert manage(moved, "shell", "--command", LOOK).split()[-3:] == ["6", "True", "True"]
