"""The tables of lists: the posts of each, and their counts. Triggers keep them, for every way of writing.

SQLite        triggers for each row
PostgreSQL    triggers for each statement: a bulk write counts once, and its counts are added at the commit

All posts share some counts. A transaction that locked such a row from its first write to its end would block all
other writers, and two that write posts of the same tags in different order would deadlock. So each statement inserts
differences in rows of its own. The commit adds them up, in the order of the counts.
"""

# ruff: noqa: S608 - all parts of these statements are constants

from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from content.models.search_index import run

# The same rule as PostQuerySet.announced.
ANNOUNCED = "p.status IN ('published', 'scheduled') AND p.password = '' AND p.published_at IS NOT NULL"
COLUMNS = "kind, term, published_at, post_id"
# Columns that decide which lists show a post, and where.
DECIDING = ("kind", "status", "password", "published_at", "category_id")
LINKS = {"tag": ("content_post_tags", "tag_id"), "author": ("content_authorship", "author_id")}


def select_places(where: str) -> str:
    """A query for the places of posts; `where` is a condition on the post `p`."""
    linked = [
        f"SELECT '{kind}', l.{term}, p.published_at, p.id FROM content_post p JOIN {table} l ON l.post_id = p.id"
        f" WHERE {ANNOUNCED} AND p.kind = 'post' AND {where}"
        for kind, (table, term) in LINKS.items()
    ]
    own = [
        f"SELECT CASE p.kind WHEN 'post' THEN 'all' ELSE 'pages' END, 0, p.published_at, p.id FROM content_post p"
        f" WHERE {ANNOUNCED} AND {where}",
        f"SELECT 'category', p.category_id, p.published_at, p.id FROM content_post p"
        f" WHERE {ANNOUNCED} AND p.kind = 'post' AND p.category_id IS NOT NULL AND {where}",
    ]
    return " UNION ALL ".join([*own, *linked])


def select_linked_places(kind: str, links: str, link: str) -> str:
    """A query for the places by new links, from the post's place in the list of all. `links` joins rows named `link`.

    No trigger of a table of links reads content_post: SQLite could not rebuild that table.
    """
    return (
        f"SELECT '{kind}', {link}.{LINKS[kind][1]}, p.published_at, p.post_id FROM content_listedpost p{links}"
        f" WHERE p.kind = 'all' AND p.term = 0 AND p.post_id = {link}.post_id"
    )


# --- SQLite -------------------------------------------------------------------------------------------

SQLITE_MONTH = "CAST(substr({0}.published_at, 1, 4) || substr({0}.published_at, 6, 2) AS INTEGER)"


def sqlite_triggers() -> dict[str, str]:
    put = f"INSERT OR IGNORE INTO content_listedpost({COLUMNS})"
    own, gone = f"{put} {select_places('p.id = new.id')};", "DELETE FROM content_listedpost WHERE post_id = old.id;"
    before, after = (", ".join(f"{row}.{name}" for name in DECIDING) for row in ("old", "new"))
    old_month, new_month = SQLITE_MONTH.format("old"), SQLITE_MONTH.format("new")
    triggers = {
        "listed_post_insert": f"AFTER INSERT ON content_post BEGIN {own} END",
        "listed_post_delete": f"AFTER DELETE ON content_post BEGIN {gone} END",
        "listed_post_update": f"AFTER UPDATE OF {', '.join(DECIDING)} ON content_post"
        f" WHEN ({before}) IS NOT ({after}) BEGIN {gone} {own} END",
        "list_count_insert": "AFTER INSERT ON content_listedpost BEGIN"
        " INSERT INTO content_listcount(kind, term, month, posts)"
        f" VALUES (new.kind, new.term, 0, 1), (new.kind, new.term, {new_month}, 1)"
        " ON CONFLICT (kind, term, month) DO UPDATE SET posts = posts + 1; END",
        # An update, and no insert: a flush may have emptied the counts before.
        "list_count_delete": "AFTER DELETE ON content_listedpost BEGIN"
        " UPDATE content_listcount SET posts = posts - 1"
        f" WHERE kind = old.kind AND term = old.term AND month IN (0, {old_month}); END",
    }
    for kind, (table, term) in LINKS.items():
        insert = f"{put} {select_linked_places(kind, '', 'new')};"
        is_gone = f"kind = '{kind}' AND post_id = old.post_id AND term = old.{term}"
        delete = f"DELETE FROM content_listedpost WHERE {is_gone};"
        triggers |= {
            f"listed_{kind}_insert": f"AFTER INSERT ON {table} BEGIN {insert} END",
            f"listed_{kind}_delete": f"AFTER DELETE ON {table} BEGIN {delete} END",
            f"listed_{kind}_update": f"AFTER UPDATE OF post_id, {term} ON {table} BEGIN {delete} {insert} END",
        }
    return triggers


# --- PostgreSQL ---------------------------------------------------------------------------------------

POSTGRESQL_MONTH = (
    "(extract(year FROM published_at AT TIME ZONE 'UTC') * 100"
    " + extract(month FROM published_at AT TIME ZONE 'UTC'))::integer"
)


# Differences of running transactions. No row is ever committed, so the table need not survive a crash.
POSTGRESQL_DIFFERENCES = """
CREATE UNLOGGED TABLE IF NOT EXISTS content_listdifference (
    transaction bigint NOT NULL DEFAULT txid_current(),
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind varchar(8) NOT NULL,
    term bigint NOT NULL,
    month integer NOT NULL,
    posts integer NOT NULL,
    PRIMARY KEY (transaction, id)
)"""
ADD_AT_COMMIT = [
    "DROP TRIGGER IF EXISTS list_counts_added ON content_listdifference",
    "CREATE CONSTRAINT TRIGGER list_counts_added AFTER INSERT ON content_listdifference"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION list_counts_added()",
    # In sessions whose session_replication_role is "replica", too.
    "ALTER TABLE content_listdifference ENABLE ALWAYS TRIGGER list_counts_added",
]


def insert_differences(rows: str, sign: int) -> str:
    return f"""
INSERT INTO content_listdifference(kind, term, month, posts)
SELECT kind, term, m.month, {sign} * count(*) FROM {rows},
    LATERAL (VALUES (0), ({POSTGRESQL_MONTH})) m(month)
GROUP BY 1, 2, 3;"""


def function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\n{body}\n$$"


def postgresql_functions() -> dict[str, str]:
    put = f"INSERT INTO content_listedpost({COLUMNS})"
    is_other = " OR ".join(f"o.{name} IS DISTINCT FROM n.{name}" for name in DECIDING)
    functions = {
        "listed_posts": f"""
DECLARE changed bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(id) INTO changed FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM content_listedpost WHERE post_id IN (SELECT id FROM old_rows);
        RETURN NULL;
    ELSIF TG_OP = 'TRUNCATE' THEN
        DELETE FROM content_listedpost;
        RETURN NULL;
    ELSE
        SELECT array_agg(n.id) INTO changed FROM old_rows o JOIN new_rows n ON o.id = n.id WHERE {is_other};
        IF changed IS NOT NULL THEN
            DELETE FROM content_listedpost WHERE post_id = ANY (changed);
        END IF;
    END IF;
    IF changed IS NOT NULL THEN
        {put} {select_places("p.id = ANY (changed)")} ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END""",
        "list_counts": f"""
BEGIN
    IF TG_OP = 'INSERT' THEN {insert_differences("new_rows", 1)}
    ELSE {insert_differences("old_rows", -1)}
    END IF;
    RETURN NULL;
END""",
        # Called for each difference; the last call adds all of them.
        "list_counts_added": """
BEGIN
    IF NEW.id < (SELECT max(id) FROM content_listdifference WHERE transaction = txid_current()) THEN
        RETURN NULL;
    END IF;
    WITH gone AS (
        DELETE FROM content_listdifference WHERE transaction = txid_current() RETURNING kind, term, month, posts
    )
    INSERT INTO content_listcount(kind, term, month, posts)
    SELECT kind, term, month, sum(posts) FROM gone GROUP BY 1, 2, 3 HAVING sum(posts) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (kind, term, month) DO UPDATE SET posts = content_listcount.posts + excluded.posts;
    RETURN NULL;
END""",
    }
    for kind, (_, term) in LINKS.items():
        functions[f"listed_{kind}s"] = f"""
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM content_listedpost WHERE kind = '{kind}';
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM content_listedpost p USING old_rows l
        WHERE p.kind = '{kind}' AND p.post_id = l.post_id AND p.term = l.{term};
    END IF;
    IF TG_OP <> 'DELETE' THEN
        {put} {select_linked_places(kind, ", new_rows l", "l")} ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END"""
    return functions


ROWS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
    "TRUNCATE": "",
}
WATCHED = {
    "listed_posts": ("content_post", tuple(ROWS)),
    "list_counts": ("content_listedpost", ("INSERT", "DELETE")),
    "listed_tags": ("content_post_tags", tuple(ROWS)),
    "listed_authors": ("content_authorship", tuple(ROWS)),
}


def postgresql_triggers() -> list[str]:
    return [
        statement
        for name, (table, events) in WATCHED.items()
        for event in events
        for statement in (
            f"CREATE OR REPLACE TRIGGER {name}_{event.lower()} AFTER {event} ON {table} {ROWS[event]}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}_{event.lower()}",
        )
    ]


# --- both ---------------------------------------------------------------------------------------------


def make(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers and fill the tables. On PostgreSQL, writers wait meanwhile."""
    if connection.vendor == "postgresql":
        functions = [function(name, body) for name, body in postgresql_functions().items()]
        run(connection, [POSTGRESQL_DIFFERENCES, *functions, *ADD_AT_COMMIT, *postgresql_triggers()])
    rebuild(connection)


def unmake(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "postgresql":
        functions = [f"DROP FUNCTION IF EXISTS {name}() CASCADE" for name in postgresql_functions()]
        run(connection, [*functions, "DROP TABLE IF EXISTS content_listdifference"])
    elif connection.vendor == "sqlite":
        run(connection, [f"DROP TRIGGER IF EXISTS {name}" for name in sqlite_triggers()])


def rebuild(connection: BaseDatabaseWrapper) -> None:
    """Empty and fill both tables from posts and their links, in one transaction."""
    fill = f"INSERT INTO content_listedpost({COLUMNS}) {select_places('1 = 1')}"
    empty = ["DELETE FROM content_listedpost", "DELETE FROM content_listcount"]
    with transaction.atomic(using=connection.alias):
        if connection.vendor == "postgresql":
            lock = "LOCK content_post, content_post_tags, content_authorship IN SHARE ROW EXCLUSIVE MODE"
            # Pending differences are added to the old counts before those are deleted.
            at_once = "SET CONSTRAINTS list_counts_added IMMEDIATE"
            run(connection, [lock, at_once, *empty, fill])
        elif connection.vendor == "sqlite":
            unmake(connection)
            count = "INSERT INTO content_listcount(kind, term, month, posts) SELECT kind, term, {}, count(*)"
            month = SQLITE_MONTH.format("l")
            counts = [f"{count.format(each)} FROM content_listedpost l GROUP BY 1, 2, 3" for each in ("0", month)]
            triggers = [f"CREATE TRIGGER {name} {body}" for name, body in sqlite_triggers().items()]
            run(connection, [*empty, fill, *counts, *triggers])


def drop_triggers(using: str, plan: Any = (), **kwargs: Any) -> None:
    """Called before migrations: SQLite renames no table to a name that a trigger of another table reads."""
    if plan and connections[using].vendor == "sqlite":
        unmake(connections[using])


def restore_triggers(using: str, **kwargs: Any) -> None:
    """Called after migrations: create missing triggers, and rebuild the tables."""
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')")
        existing = {name for (name,) in cursor.fetchall()}
    if {"content_listedpost", "content_listcount"} <= existing and not existing >= sqlite_triggers().keys():
        rebuild(connection)
