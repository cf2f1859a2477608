"""Two web processes save the same post at the same instant, on each database: one wins, and the other is asked."""

import json
import secrets
import subprocess
import sys
from contextlib import ExitStack

import psycopg
import pytest

from tests.support.service import ROOT, environment_of, manage_each

ROUNDS = 8
POST = """
from django.contrib.auth.models import User
from content.models import Post
User.objects.create_superuser("ann")
Post.objects.create(pk=1, slug="post", title="First", status="draft")
"""
# Opens the form, waits for the word, saves, and prints the status with the title that is stored then.
EDITOR = """
import json, sys
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import setup_test_environment
from tests.support.admin_site import form_values
setup_test_environment()
path, name = "/admin/content/post/1/change/", sys.argv[1]
client = Client(HTTP_HOST="localhost")
client.force_login(User.objects.get())
for number, line in enumerate(sys.stdin):
    if number % 2 == 0:
        form = form_values(client.get(path)) | {"title": f"{name} {number}"}
        print(json.dumps("opened"), flush=True)
    else:
        print(json.dumps([client.post(path, form).status_code, form["title"]]), flush=True)
"""
STORED = "from content.models import Post; print(Post.objects.get().title)"


def new_database(server: str) -> str:
    """The URL of an empty database on that server."""
    name = f"saves_{secrets.token_hex(4)}"
    with psycopg.connect(server.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_of_two_saves_at_once_one_wins(database, tmp_path, request):
    state = tmp_path / "state"
    state.mkdir()
    environment = environment_of(state) | {
        "SECRET_KEY": "for tests only",
        "CACHE_URL": "locmem://race",
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DATABASE_URL": new_database(request.getfixturevalue("postgres_server")) if database == "postgres" else "",
    }
    manage_each(environment, ["migrate", "-v0"], ["shell", "-v0", "-c", POST])
    with ExitStack() as stack:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        editors = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-c", EDITOR, name], env=environment, cwd=ROOT, **pipes)
            )
            for name in ("Ann", "Bob")
        ]

        def say(word: str) -> list:
            """Tell both at once, and return both answers."""
            for editor in editors:
                editor.stdin.write(f"{word}\n")
                editor.stdin.flush()
            return [json.loads(editor.stdout.readline()) for editor in editors]

        won = []
        for _ in range(ROUNDS):
            assert say("open") == ["opened", "opened"]
            answers = sorted(say("save"))
            assert [status for status, _ in answers] == [302, 409]
            won.append(answers[0][1])
        for editor in editors:
            editor.stdin.close()
    assert manage_each(environment, ["shell", "-v0", "-c", STORED]).strip() == won[-1]
