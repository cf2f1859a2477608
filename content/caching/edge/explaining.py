"""Why a page is served as it is, as plain data: the page, what it is made of, and the records that have ended it."""

from typing import Any

import msgspec

from content.caching.answer import Answer
from content.caching.edge.rules.keys import url_key
from content.caching.edge.shelf import Shelf, decode, want_of
from content.caching.edge.stored import Fork, Page, Passed
from content.caching.engine import Engine
from content.caching.entry import NOWHERE
from content.caching.explaining import described
from content.caching.log.ledger import Kind


async def explained_url(engine: Engine, url: str) -> dict[str, Any]:
    return await explained_key(engine, url_key(url))


async def explained_key(engine: Engine, key: str) -> dict[str, Any]:
    """As the shared tier has it: other processes' memories are their own."""
    answer = (await engine.lookup([want_of(key)], again=True)).get(key)
    told: dict[str, Any] = {"key": key, "entry": described(engine, answer), "lease": await engine.shared.holder(key)}
    if answer is None:
        return told | {"why": "nothing is stored under this key"}
    told |= {"ended_by": records_against(engine, answer), "why": why(engine, answer)}
    if key.startswith("page@"):
        told |= await explained_page(engine, key, answer)
    return told


async def explained_page(engine: Engine, key: str, answer: Answer) -> dict[str, Any]:
    try:
        stored = decode(answer.value)
    except msgspec.MsgspecError as error:
        return {"why": f"unreadable: {error}"}
    match stored:
        case Fork():
            return {"kind": "fork", "vary": [list(names) for names in stored.vary]}
        case Passed():
            return {"kind": "passed", "why": f"not kept: {stored.reason}"}
    return (
        {"kind": "page"} | of_page(engine, stored) | {"made_of": [await part(engine, each) for each in stored.parts]}
    )


def of_page(engine: Engine, page: Page) -> dict[str, Any]:
    now = engine.clock()
    return {
        "url": page.url,
        "status": page.status,
        "bytes": len(page.body),
        "age": round(page.age(now), 3),
        "directives": page.arguments,
        "fresh_for": round(page.fresh_until - now, 3),
        "heard": Shelf(engine).is_heard,
    }


async def part(engine: Engine, key: str) -> dict[str, Any]:
    """One of the entries that were read for it."""
    answer = (await engine.lookup([want_of(key)], again=True)).get(key)
    if answer is None:
        return {"key": key, "entry": None, "why": "nothing is stored under this key"}
    return {
        "key": key,
        "entry": described(engine, answer),
        "ended_by": records_against(engine, answer),
        "why": why(engine, answer),
    }


def records_against(engine: Engine, answer: Answer) -> list[dict[str, Any]]:
    """Records of the log that came after it was begun, by the tags that they share."""
    ledger = getattr(engine.ordering, "ledger", None)
    if ledger is None:
        return []
    return [
        {"tag": tag, "kind": kind.name.lower(), "record": f"{position[0]}-{position[1]}"}
        for kind in Kind
        for tag in answer.header.tags
        if (position := ledger.last[kind].get(tag, NOWHERE)) > answer.header.stamp.position
    ]


def why(engine: Engine, answer: Answer) -> str:
    """In a few words, as a reader would meet it now."""
    header, now = answer.header, engine.clock()
    against = records_against(engine, answer)
    if answer.verdict.value == "invalid":
        named = (
            f": {against[0]['tag']} by record {against[0]['record']}" if against else ", by the log's epoch or floor"
        )
        return f"not served, it was invalidated{named}"
    if answer.verdict.value == "expired":
        return f"served as stale, it was expired: {against[0]['tag']} by record {against[0]['record']}"
    if not engine.ordering.is_heard:
        return "served as stale, the log is silent"
    if now < header.fresh_until:
        return "served, it is fresh"
    return "served as stale, its time is up" if now < header.stale_until else "not served, its time is up"
