"""Full-text matches and ranks as expressions, each database in its own words."""

from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, FloatField, Func
from django.db.models.sql.compiler import SQLCompiler

from content.rendering import beginning, folded

Compiled = tuple[str, tuple[str | int, ...]]

# Words as they stand, or as the site's language inflects them.
TSQUERY = """(to_tsquery('pg_catalog.simple', %s) || to_tsquery(
    post_search_language(coalesce((SELECT language FROM content_siteconfig LIMIT 1), 'en')), %s))"""


def fts5_query(words: tuple[str, ...]) -> str:
    """Every word a string in quotes, so that none is an operator; of the last one the beginning is enough."""
    return " ".join(f'"{word}"' for word in words) + ("*" if beginning(words) else "")


def tsqueries(words: tuple[str, ...]) -> tuple[str, str]:
    """Every word a lexeme in quotes; of the last one the beginning is enough, unless it is inflected."""
    whole = " & ".join(f"'{folded(word)}'" for word in words)
    return (f"{whole}:*" if beginning(words) else whole, whole)


class OfPost(Func):
    """An expression over a row of content_post; `words` as `words_of` gives them, at least one."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(F("pk"))
        self.words = words

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        raise NotSupportedError("Search needs SQLite or PostgreSQL.")

    def place(self, compiler: SQLCompiler) -> str:
        """The table, as this query calls it."""
        return str(compiler.compile(self.get_source_expressions()[0])[0]).rpartition(".")[0]


class Matches(OfPost):
    """Whether the post has all the words."""

    output_field = BooleanField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Compiled:
        found = "SELECT rowid FROM post_search WHERE post_search MATCH %s"
        return f'{self.place(compiler)}."id" IN ({found})', (fts5_query(self.words),)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Compiled:
        return f'{self.place(compiler)}."search" @@ {TSQUERY}', tsqueries(self.words)


class Rank(OfPost):
    """How well it matches: title above excerpt above body. On PostgreSQL; on SQLite the index itself knows."""

    output_field = FloatField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Compiled:
        return f'ts_rank({self.place(compiler)}."search", {TSQUERY})', tsqueries(self.words)
