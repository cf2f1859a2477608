"""`manage.py clean_up` removes expired and leftover data, keeps the rest, and a dry run removes nothing."""

import os
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

from content.models import MediaFile, Post
from project import clean_up

pytestmark = pytest.mark.django_db


def run(*options: str) -> str:
    out = StringIO()
    call_command("clean_up", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def sessions(monkeypatch):
    """Two more than a batch have expired, and one has not."""
    monkeypatch.setattr(clean_up, "BATCH", 3)
    now = timezone.now()
    for number in range(5):
        Session.objects.create(session_key=f"old{number}", session_data="", expire_date=now - timedelta(days=1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(days=1))


def test_expired_sessions_and_old_history_are_removed(sessions):
    user = get_user_model().objects.create_user("ann")
    for days in (800, 700):
        entry = LogEntry.objects.create(user=user, action_flag=2, object_repr=str(days))
        LogEntry.objects.filter(pk=entry.pk).update(action_time=timezone.now() - timedelta(days=days))
    dry = run("--dry-run")
    assert dry.startswith("would remove 5 expired sessions\nwould remove 1 entries of the admin's history")
    assert Session.objects.count() == 6
    assert run() == dry.replace("would remove", "removed")
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]
    assert list(LogEntry.objects.values_list("object_repr", flat=True)) == ["700"]
    assert run() == ""


def test_it_ends_in_time_and_says_that_there_is_more(sessions):
    assert run("--seconds", "-1").startswith("removed 0 expired sessions; the next run removes more")
    assert Session.objects.count() == 6


def test_a_dry_run_of_what_processes_prune_commits_nothing():
    def delete_all() -> int:
        return Session.objects.all().delete()[0]

    Session.objects.create(session_key="kept", session_data="", expire_date=timezone.now())
    assert clean_up.prune(delete_all, dry_run=True) == 1
    assert Session.objects.count() == 1
    assert clean_up.prune(delete_all, dry_run=False) == 1
    assert Session.objects.count() == 0


def test_media_files_go_only_on_demand_and_only_if_nothing_uses_them(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    names = ["row.pdf", "named.pdf", "grün.pdf", "orphan.pdf", "young.pdf", ".photo.jpg.cleaned"]
    for name in names:
        (tmp_path / name).write_bytes(b"content")
        if name != "young.pdf":
            os.utime(tmp_path / name, (0, 0))
    (tmp_path / "link.pdf").symlink_to("orphan.pdf")
    MediaFile.objects.bulk_create([MediaFile(file="row.pdf", sha256="0" * 64)])
    Post.objects.create(slug="post", title="Post", body="[It](/media/named.pdf), [also](/media/gr%C3%BCn.pdf).")
    assert run() == "removed 1 halves of media files\n"
    assert run("--media", "--dry-run") == "would remove 1 media files that nothing uses\n"
    assert (tmp_path / "orphan.pdf").exists()
    assert run("--media") == "removed 1 media files that nothing uses\n"
    assert {path.name for path in tmp_path.iterdir()} == {"row.pdf", "named.pdf", "grün.pdf", "young.pdf", "link.pdf"}
