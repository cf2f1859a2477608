"""Two web processes save the same post at the same instant, on each database: one wins, and the other is asked."""

import json
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

import psycopg
import pytest

from tests.support.service import environment_of, make_tables, manage_each
from tests.support.wait import READY_SECONDS
from tests.support.warm_python import run_warm

pytestmark = pytest.mark.long

ROUNDS = 8
POST = """
from django.contrib.auth.models import User
from content.models import Post
User.objects.create_superuser("ann")
Post.objects.create(pk=1, slug="post", title="First", status="draft")
"""
# Opens the form, waits for the word, saves, and answers with the status with the title that is stored then.
EDITOR = """
import json, socket, sys
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import setup_test_environment
from tests.support.admin_site import form_values
setup_test_environment()
path, (name, address) = "/admin/content/post/1/change/", sys.argv[1:]
client = Client(HTTP_HOST="localhost")
client.force_login(User.objects.get())
connection = socket.socket(socket.AF_UNIX)
connection.connect(address)
test = connection.makefile("rw")
for number, line in enumerate(test):
    if number % 2 == 0:
        form = form_values(client.get(path)) | {"title": f"{name} {number}"}
        print(json.dumps("opened"), file=test, flush=True)
    else:
        print(json.dumps([client.post(path, form).status_code, form["title"]]), file=test, flush=True)
"""
STORED = "from content.models import Post; print(Post.objects.get().title)"


def new_database(server: str) -> str:
    """The URL of an empty database on that server."""
    name = f"saves_{secrets.token_hex(4)}"
    with psycopg.connect(server.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"


@contextmanager
def running_editor(name: str, folder: Path, environment: dict[str, str]) -> Iterator[TextIO]:
    """The connection to a process of the site, which reads words and writes answers."""
    address = str(folder / name)
    with ThreadPoolExecutor(1) as thread, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.settimeout(READY_SECONDS)
        process = thread.submit(run_warm, ["-c", EDITOR, name, address], environment)
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as editor:
            connection.settimeout(READY_SECONDS)
            yield editor
        done = process.result()
        assert done.returncode == 0, done.stderr


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
    if database == "sqlite":
        make_tables(state)
    manage_each(environment, ["migrate", "-v0"], ["shell", "-v0", "-c", POST])
    with ExitStack() as stack:
        editors = [stack.enter_context(running_editor(name, tmp_path, environment)) for name in ("Ann", "Bob")]

        def say(word: str) -> list:
            """Tell both at once, and return both answers."""
            for editor in editors:
                editor.write(f"{word}\n")
                editor.flush()
            return [json.loads(editor.readline()) for editor in editors]

        won = []
        for _ in range(ROUNDS):
            assert say("open") == ["opened", "opened"]
            answers = sorted(say("save"))
            assert [status for status, _ in answers] == [302, 409]
            won.append(answers[0][1])
    assert manage_each(environment, ["shell", "-v0", "-c", STORED]).strip() == won[-1]
