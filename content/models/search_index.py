"""The full-text index of posts, and queries in the languages of FTS5 and PostgreSQL.

The database itself keeps the index up to date, for every way of writing.
"""

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from content.rendering import fold_accents, query_prefix

# English inflections are folded (Porter): "deploying" finds "deploy". Words of other languages lose the same letters
# in query and index, and are found too. Accents are folded.
# Ranked by bm25 with a title worth ten times a body, and an excerpt four times.
SQLITE_TABLE = """
CREATE VIRTUAL TABLE post_search USING fts5(
    title, excerpt, text, content='content_post', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
);
INSERT INTO post_search(post_search, rank) VALUES ('rank', 'bm25(10.0, 4.0, 1.0)');
"""
PUT_IN = "INSERT INTO post_search(rowid, title, excerpt, text) VALUES (new.id, new.title, new.excerpt, new.text);"
TAKE_OUT = (
    "INSERT INTO post_search(post_search, rowid, title, excerpt, text)"
    " VALUES ('delete', old.id, old.title, old.excerpt, old.text);"
)
SQLITE_TRIGGERS = {
    "post_search_insert": f"AFTER INSERT ON content_post BEGIN {PUT_IN} END",
    "post_search_delete": f"AFTER DELETE ON content_post BEGIN {TAKE_OUT} END",
    # A save writes every column. The index changes only if a value does.
    "post_search_update": (
        "AFTER UPDATE OF id, title, excerpt, text ON content_post"
        " WHEN (old.id, old.title, old.excerpt, old.text) IS NOT (new.id, new.title, new.excerpt, new.text)"
        f" BEGIN {TAKE_OUT} {PUT_IN} END"
    ),
}

LANGUAGES = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
CASES = " ".join(f"WHEN '{code}' THEN 'pg_catalog.{name}'::regconfig" for code, name in LANGUAGES.items())
# Characters that PostgreSQL's parser joins words with: hosts, paths, versions, hyphenations, tags.
JOINING = r"""!"#$%&()*+,-./:;<=>?@[\]^_`{|}~‐‑–—’"""  # noqa: RUF001 - dashes and quotes of typography

# Functions with a SQL-standard body are parsed once and need no search path, so that a dump restores.
# Accents are folded as `fold_accents` in content.rendering does, without the unaccent extension, which needs rights.
# A tsvector holds 1 MB: a body counts with its first 100,000 characters, far below it in any script.
# Each word is indexed twice, as it is and as its language inflects it. The first is found in every language.
POSTGRESQL = [
    f"""
CREATE FUNCTION post_search_language(language text) RETURNS regconfig IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN CASE split_part(lower(replace(language, '_', '-')), '-', 1) {CASES} ELSE 'pg_catalog.simple'::regconfig END
""",
    f"""
CREATE FUNCTION post_search_words(words text) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN translate(
    CASE WHEN octet_length(words) = char_length(words) THEN words ELSE normalize(regexp_replace(
        normalize(words, NFD), '([A-Za-z])[\\u0300-\\u036f]+', '\\1', 'g'), NFC) END,
    '{JOINING}', repeat(' ', {len(JOINING)}))
""",
    """
CREATE FUNCTION post_search_part(language text, words text) RETURNS tsvector IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN to_tsvector('pg_catalog.simple'::regconfig, post_search_words(words))
    || to_tsvector(post_search_language(language), post_search_words(words))
""",
    """
ALTER TABLE content_post ADD COLUMN search tsvector GENERATED ALWAYS AS (
    setweight(post_search_part(language, title), 'A')
    || setweight(post_search_part(language, left(excerpt, 10000)), 'B')
    || post_search_part(language, left(text, 100000))
) STORED
""",
    "CREATE INDEX post_search ON content_post USING gin (search)",
]
POSTGRESQL_AWAY = [
    "ALTER TABLE content_post DROP COLUMN search",
    "DROP FUNCTION post_search_part(text, text)",
    "DROP FUNCTION post_search_words(text)",
    "DROP FUNCTION post_search_language(text)",
]


def make(connection: BaseDatabaseWrapper) -> None:
    """Create the index, with the posts that are in the table already."""
    if connection.vendor == "postgresql":
        run(connection, POSTGRESQL)
    elif connection.vendor == "sqlite":
        run(connection, SQLITE_TABLE.split(";\n")[:2])
        create_triggers(connection)


def create_triggers(connection: BaseDatabaseWrapper) -> None:
    run(connection, [f"CREATE TRIGGER IF NOT EXISTS {name} {body}" for name, body in SQLITE_TRIGGERS.items()])
    run(connection, ["INSERT INTO post_search(post_search) VALUES ('rebuild')"])


def unmake(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "postgresql":
        run(connection, POSTGRESQL_AWAY)
    elif connection.vendor == "sqlite":
        run(connection, [f"DROP TRIGGER IF EXISTS {name}" for name in SQLITE_TRIGGERS])
        run(connection, ["DROP TABLE post_search"])


def restore_triggers(using: str, **kwargs: Any) -> None:
    """Called after migrations: Django alters a column on SQLite with a new table, which has no triggers."""
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE tbl_name IN ('content_post', 'post_search')")
        existing = {name for (name,) in cursor.fetchall()}
    if "post_search" in existing and not existing >= SQLITE_TRIGGERS.keys():
        create_triggers(connection)


# The name in migration 0010.
keep_watching = restore_triggers


def run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def fts5_query(words: tuple[str, ...], *, in_title: bool = False, is_whole: bool = False) -> str:
    """Each word is a quoted string, so that none is an operator. The last word is a prefix, unless it `is_whole`."""
    query = " ".join(f'"{word}"' for word in words) + ("*" if query_prefix(words) and not is_whole else "")
    return f"{{title}} : ({query})" if in_title else query


def tsqueries(words: tuple[str, ...]) -> tuple[str, str]:
    """Each word is a quoted lexeme. The last word is a prefix in the first query, and inflected in the second."""
    whole = " & ".join(f"'{fold_accents(word)}'" for word in words)
    return (f"{whole}:*" if query_prefix(words) else whole, whole)
