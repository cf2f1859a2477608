"""SQL by a cursor of Django's, and what a migration does."""

import time

from django.db import connection, migrations, transaction
from django.db.migrations.loader import MigrationLoader
from psycopg.sql import SQL, Identifier, Literal

from content.models import Post
from tests.support.flows.scene import Scene, Sight, appears, leaves, nothing, quits, title
from tests.support.flows.ways.orm import leaves_its_category, without_links
from tests.support.flows.ways.terms import comes, goes, make_redirect, path
from tests.support.flows.ways.way import way

UPDATE = "UPDATE content_post SET title = %s WHERE slug = %s"
POSTGRESQL = ("postgresql",)


def execute(sql: str, *parameters: str | int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)


@way("cursor.execute", title)
def by_cursor(scene: Scene) -> None:
    execute(UPDATE, scene.new, scene.slug())


@way("cursor.executemany", title)
def by_many(scene: Scene) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(UPDATE, [(scene.new, scene.slug()), ("x", "no-such-post")])


@way("a cursor in a transaction", title)
def by_cursor_in_transaction(scene: Scene) -> None:
    with transaction.atomic():
        execute(UPDATE, scene.new, scene.slug())


@way("BEGIN and COMMIT by a cursor", title)
def by_own_transaction(scene: Scene) -> None:
    execute("BEGIN")
    execute(UPDATE, scene.new, scene.slug())
    # Long enough for readers to come between an append that is too early and the commit.
    time.sleep(0.1)
    execute("COMMIT")


@way("BEGIN and ROLLBACK by a cursor", nothing)
def by_own_transaction_rolled_back(scene: Scene) -> None:
    execute("BEGIN")
    execute(UPDATE, scene.new, scene.slug())
    execute("ROLLBACK")


@way("a statement behind a comment", title)
def behind_comment(scene: Scene) -> None:
    execute(f"/* by hand */ -- really\n {UPDATE}", scene.new, scene.slug())


@way("a statement with a common table expression", title)
def by_expression(scene: Scene) -> None:
    execute(
        "WITH wanted AS (SELECT id FROM content_post WHERE slug = %s) "
        "UPDATE content_post SET title = %s WHERE id IN (SELECT id FROM wanted)",
        scene.slug(),
        scene.new,
    )


@way("DELETE by a cursor", leaves_its_category, prepare=without_links)
def delete_by_cursor(scene: Scene) -> None:
    execute("DELETE FROM content_post WHERE slug = %s", scene.slug())


@way("DELETE of link rows by a cursor", quits("tag"))
def delete_links(scene: Scene) -> None:
    execute("DELETE FROM content_post_tags WHERE post_id = %s", scene.post.pk)


@way("status by a cursor", leaves("410"))
def withdraw_by_cursor(scene: Scene) -> None:
    execute("UPDATE content_post SET status = 'withdrawn' WHERE slug = %s", scene.slug())


@way("INSERT .. SELECT", appears)
def insert_select(scene: Scene) -> None:
    columns = [field.column for field in Post._meta.concrete_fields if field.column not in ("id", "slug", "title")]
    names = ", ".join(map(str, columns))
    execute(
        f"INSERT INTO content_post (slug, title, {names}) SELECT %s, %s, {names} FROM content_post WHERE id = %s",
        scene.slug("-b"),
        scene.new,
        scene.post.pk,
    )


@way("ON CONFLICT DO UPDATE", comes)
def upsert(scene: Scene) -> None:
    sql = (
        "INSERT INTO content_redirect (old_path, new_path) VALUES (%s, %s) "
        "ON CONFLICT (old_path) DO UPDATE SET new_path = excluded.new_path"
    )
    execute(sql, path(scene), f"/{scene.old}/")
    execute(sql, path(scene), f"/{scene.new}/")


@way("INSERT OR REPLACE", lambda scene: [Sight("path", path(scene), (scene.old,), (scene.new,))],
     prepare=make_redirect, vendors=("sqlite",))  # fmt: skip
def replace(scene: Scene) -> None:
    sql = "INSERT OR REPLACE INTO content_redirect (old_path, new_path) VALUES (%s, %s)"
    execute(sql, path(scene), f"/{scene.new}/")


@way("a migration's historical model", title)
def by_migration(scene: Scene) -> None:
    def forwards(apps, editor) -> None:  # type: ignore[no-untyped-def]
        apps.get_model("content", "Post").objects.filter(slug=scene.slug()).update(title=scene.new)

    state = MigrationLoader(connection).project_state()
    with connection.schema_editor(atomic=True) as editor:
        migrations.RunPython(forwards).database_forwards("content", editor, state, state)


# --- PostgreSQL alone --------------------------------------------------------------------------------


@way("TRUNCATE", goes, prepare=make_redirect, vendors=POSTGRESQL)
def truncate(scene: Scene) -> None:
    execute("TRUNCATE content_redirect")


@way("TRUNCATE of link rows", quits("tag"), vendors=POSTGRESQL)
def truncate_links(scene: Scene) -> None:
    execute("TRUNCATE content_post_tags")


@way("a statement that psycopg composes", title, vendors=POSTGRESQL)
def compose(scene: Scene) -> None:
    statement = SQL("UPDATE {} SET title = {} WHERE slug = {}")
    with connection.cursor() as cursor:
        cursor.execute(statement.format(Identifier("content_post"), Literal(scene.new), Literal(scene.slug())))


@way("COPY by a cursor", comes, own=False, vendors=POSTGRESQL)
def copy(scene: Scene) -> None:
    with connection.cursor() as cursor:
        with cursor.copy("COPY content_redirect (old_path, new_path) FROM STDIN") as rows:
            rows.write_row((path(scene), f"/{scene.new}/"))
        scene.has_committed()


@way("COPY by a cursor in a transaction", comes, vendors=POSTGRESQL)
def copy_in_transaction(scene: Scene) -> None:
    with transaction.atomic():
        copy(scene)


@way("MERGE", title, vendors=POSTGRESQL)
def merge(scene: Scene) -> None:
    execute(
        "MERGE INTO content_post p USING (SELECT %s AS slug, %s AS title) n ON p.slug = n.slug "
        "WHEN MATCHED THEN UPDATE SET title = n.title",
        scene.slug(),
        scene.new,
    )


@way("a DO block", title, vendors=POSTGRESQL)
def do_block(scene: Scene) -> None:
    execute(f"DO $$ BEGIN UPDATE content_post SET title = '{scene.new}' WHERE slug = '{scene.slug()}'; END $$")


def make_function(scene: Scene) -> None:
    execute(
        "CREATE OR REPLACE FUNCTION flow_rename(post text, words text) RETURNS void LANGUAGE sql "
        "AS 'UPDATE content_post SET title = words WHERE slug = post'"
    )


@way("a function that SELECT calls", title, prepare=make_function, vendors=POSTGRESQL)
def by_function(scene: Scene) -> None:
    execute("SELECT flow_rename(%s, %s)", scene.slug(), scene.new)
