"""Explain how a page is served: the page, its parts, and the log records that invalidated it."""

from typing import Any

from ..declarations import resources
from ..engine import Engine
from ..entry import CachedValue
from ..errors import Unreadable
from ..explain import describe_value
from ..key import WEAK
from ..ordering.tag_index import Kind
from ..release import release_digest, release_name
from .page import HitForMiss, Page, VaryIndex, url_key
from .page_store import PageKey, PageStore, read_stored_value


async def explain_url(engine: Engine, url: str) -> dict[str, Any]:
    return await explain_key(engine, url_key(url))


async def explain_key(engine: Engine, key: str) -> dict[str, Any]:
    """Explain the entry in the shared tier and in the memory of this process. That of others cannot be read.

    `key`: as events and reports name it; also without its schema, as `post:first`.
    """
    key = _with_schema(key)
    cached = (await engine.tiers.lookup([PageKey(key)], again=True)).get(key)
    report: dict[str, Any] = {
        "key": key,
        **_describe_key(key),
        "memory": describe_value(engine.tiers, engine.tiers.peek(key)),
        "entry": describe_value(engine.tiers, cached),
        "lease": await engine.shared.holder(key),
    }
    if cached is None:
        return report | {"why": "nothing is stored under this key"}
    report |= {"ended_by": _records_against(engine, cached), "why": _verdict_in_words(engine, cached)}
    if key.startswith("page@"):
        report |= await _explain_page(engine, key, cached)
    return report


def _with_schema(key: str) -> str:
    name, _, parameters = key.partition(":")
    resource = resources.get(name)
    return f"{name}@{resource.schema}:{parameters}" if resource is not None else key


def _describe_key(key: str) -> dict[str, Any]:
    """The release of a page, or the schema of another entry, and whether this process reads it."""
    name, _, rest = key.partition("@")
    version = rest.partition(":")[0]
    if name == "page":
        digest = version.partition(".")[2]
        is_own = digest == release_digest()
        return {"release": release_name() if is_own else digest, "is_of_this_release": is_own}
    resource = resources.get(name)
    return {"schema": version, "is_of_this_release": resource is None or resource.schema == version}


async def _explain_page(engine: Engine, key: str, cached: CachedValue) -> dict[str, Any]:
    try:
        stored = read_stored_value(cached.value)
    except Unreadable as error:
        return {"why": f"unreadable: {error}"}
    match stored:
        case VaryIndex():
            return {"kind": "fork", "vary": [list(names) for names in stored.vary]}
        case HitForMiss():
            return {"kind": "passed", "why": f"not kept: {stored.reason}"}
    return (
        {"kind": "page"}
        | _describe_page(engine, stored)
        | {"made_of": [await _explain_part(engine, each) for each in stored.parts]}
    )


def _describe_page(engine: Engine, page: Page) -> dict[str, Any]:
    now = engine.clock()
    return {
        "url": page.url,
        "status": page.status,
        "bytes": len(page.body),
        "age": round(page.age(now), 3),
        "directives": page.arguments,
        "fresh_for": round(page.fresh_until - now, 3),
        "heard": PageStore(engine).is_heard,
    }


async def _explain_part(engine: Engine, key: str) -> dict[str, Any]:
    """One of the entries that the page was made from."""
    cached = (await engine.tiers.lookup([PageKey(key)], again=True)).get(key)
    if cached is None:
        return {"key": key, **_describe_key(key), "entry": None, "why": "nothing is stored under this key"}
    return {
        "key": key,
        **_describe_key(key),
        "memory": describe_value(engine.tiers, engine.tiers.peek(key)),
        "entry": describe_value(engine.tiers, cached),
        "ended_by": _records_against(engine, cached),
        "why": _verdict_in_words(engine, cached),
    }


def _records_against(engine: Engine, cached: CachedValue) -> list[dict[str, Any]]:
    """Log records later than the entry's position that share a tag with it, those that invalidate it first."""
    tag_index = getattr(engine.ordering, "tag_index", None)
    if tag_index is None:
        return []
    shown = [tag[1:] for tag in cached.header.tags if tag.startswith(WEAK)]
    return [
        {"tag": tag, "kind": kind.name.lower(), "record": f"{position[0]}-{position[1]}", "in_passing": in_passing}
        for tags, in_passing in ((cached.header.tags, False), (shown, True))
        for kind in Kind
        for tag in tags
        if (position := tag_index.last_position(kind, tag)) > cached.header.stamp.position
    ]


def _verdict_in_words(engine: Engine, cached: CachedValue) -> str:
    """The verdict in a few words, as a request would find it now."""
    header, now = cached.header, engine.clock()
    against = _records_against(engine, cached)
    if cached.verdict.value == "invalid":
        named = (
            f": {against[0]['tag']} by record {against[0]['record']}" if against else ", by the log's epoch or floor"
        )
        return f"not served, it was invalidated{named}"
    if cached.verdict.value == "expired":
        reason = "what it shows in passing changed" if against[0]["in_passing"] else "it was expired"
        return f"served as stale, {reason}: {against[0]['tag']} by record {against[0]['record']}"
    if not engine.ordering.is_heard:
        return "served as stale, the log is silent"
    if now < header.fresh_until:
        return "served, it is fresh"
    return "served as stale, its time is up" if now < header.stale_until else "not served, its time is up"
