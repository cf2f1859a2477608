"""Full-text matches and ranks as expressions for SQLite and PostgreSQL."""

from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func
from django.db.models.sql.compiler import SQLCompiler

from content.rendering import fold_accents, query_prefix

Compiled = tuple[str, tuple[str | int, ...]]

# Words as they are, or as the site's language inflects them.
TSQUERY = """(to_tsquery('pg_catalog.simple', %s) || to_tsquery(
    post_search_language(coalesce((SELECT language FROM content_siteconfig LIMIT 1), 'en')), %s))"""


def fts5_query(words: tuple[str, ...], *, in_title: bool = False, is_whole: bool = False) -> str:
    """Each word is a quoted string, so that none is an operator. The last word is a prefix, unless it `is_whole`."""
    query = " ".join(f'"{word}"' for word in words) + ("*" if query_prefix(words) and not is_whole else "")
    return f"{{title}} : ({query})" if in_title else query


def tsqueries(words: tuple[str, ...]) -> tuple[str, str]:
    """Each word is a quoted lexeme. The last word is a prefix in the first query, and inflected in the second."""
    whole = " & ".join(f"'{fold_accents(word)}'" for word in words)
    return (f"{whole}:*" if query_prefix(words) else whole, whole)


class PostExpression(Func):
    """An expression over a row of content_post; `words` come from `split_words`, at least one."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(F("pk"))
        self.words = words

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        raise NotSupportedError("Search needs SQLite or PostgreSQL.")

    def quoted_table(self, compiler: SQLCompiler) -> str:
        return str(compiler.compile(self.get_source_expressions()[0])[0]).rpartition(".")[0]


class Matches(PostExpression):
    """Whether the post has all the words."""

    output_field = BooleanField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Compiled:
        matches = "SELECT rowid FROM post_search WHERE post_search MATCH %s"
        return f'{self.quoted_table(compiler)}."id" IN ({matches})', (fts5_query(self.words),)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Compiled:
        return f'{self.quoted_table(compiler)}."search" @@ {TSQUERY}', tsqueries(self.words)
