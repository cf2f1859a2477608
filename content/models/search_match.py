"""Words of a query in the query languages of FTS5 and PostgreSQL."""

from content.rendering import fold_accents, query_prefix


def fts5_query(words: tuple[str, ...], *, in_title: bool = False, is_whole: bool = False) -> str:
    """Each word is a quoted string, so that none is an operator. The last word is a prefix, unless it `is_whole`."""
    query = " ".join(f'"{word}"' for word in words) + ("*" if query_prefix(words) and not is_whole else "")
    return f"{{title}} : ({query})" if in_title else query


def tsqueries(words: tuple[str, ...]) -> tuple[str, str]:
    """Each word is a quoted lexeme. The last word is a prefix in the first query, and inflected in the second."""
    whole = " & ".join(f"'{fold_accents(word)}'" for word in words)
    return (f"{whole}:*" if query_prefix(words) else whole, whole)
