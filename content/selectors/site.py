"""The site's configuration, its redirects, and whether addresses of it lead anywhere: one query for any number."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import Model

from content.caching import NotThere
from content.documents import MenuEntry, SiteDocument
from content.models import Author, Category, Post, Redirect, SiteConfig, Tag


async def load_site() -> SiteDocument:
    """The site's configuration, or the defaults if none is saved."""
    config = await SiteConfig.objects.afirst() or SiteConfig()
    return SiteDocument(
        title=config.title,
        tagline=config.tagline,
        menu=tuple(MenuEntry(label=entry["label"], url=entry["url"]) for entry in config.menu),
        posts_per_page=config.posts_per_page,
        language=config.language,
        comments_open=config.comments_open,
    )


async def load_redirect(path: str) -> str:
    """The new path of an old path."""
    target = await Redirect.objects.filter(old_path=path).values_list("new_path", flat=True).afirst()
    if target is None:
        raise NotThere(f"no redirect from {path!r}")
    return target


async def load_redirects(paths: Sequence[str]) -> dict[str, str]:
    """Like load_redirect, for many paths: one query."""
    rows = Redirect.objects.filter(old_path__in=paths).values_list("old_path", "new_path")
    return {old: new async for old, new in rows}


_TERMS: dict[str, type[Model]] = {"category": Category, "tag": Tag, "author": Author}


class Address(NamedTuple):
    """A path, and the kind (post, page, category, tag, author, or "") and slug of the row that it names."""

    path: str
    kind: str = ""
    slug: str = ""


@sync_to_async
def find_existing(addresses: Collection[Address]) -> set[Address]:
    """Find the addresses whose row is public, scheduled or withdrawn, or whose path is redirected."""
    parts = list(_selects(addresses))
    statement = " UNION ALL ".join(text for text, _ in parts)
    # Raw SQL: the ORM takes several times as long to build the query as the database to run it.
    with connection.cursor() as cursor:
        cursor.execute(statement, [each for _, parameters in parts for each in parameters])
        found = set(cursor.fetchall())
    return {each for each in addresses if (each.kind, each.slug) in found or ("path", each.path) in found}


def _selects(addresses: Collection[Address]) -> Iterator[tuple[str, list[Any]]]:
    """SELECT statements of kind and slug, with their parameters."""
    yield _select("'path'", "old_path", Redirect, [each.path for each in addresses], "")
    slugs: dict[str, list[str]] = {}
    for each in addresses:
        slugs.setdefault("post" if each.kind == "page" else each.kind, []).append(each.slug)
    if "post" in slugs:
        yield _select("kind", "slug", Post, slugs["post"], " AND status <> 'draft' AND password = ''")
    for kind, model in _TERMS.items():
        if kind in slugs:
            yield _select(f"'{kind}'", "slug", model, slugs[kind], "")


def _select(kind: str, column: str, model: type[Model], values: list[str], more: str) -> tuple[str, list[Any]]:
    places = ", ".join(["%s"] * len(values))
    table = connection.ops.quote_name(model._meta.db_table)
    # Names and conditions are constants of this module; values are parameters.
    return f"SELECT {kind}, {column} FROM {table} WHERE {column} IN ({places}){more}", values  # noqa: S608
