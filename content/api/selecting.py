from typing import Any

from msgspec import Struct


def selected(item: Struct, fields: str | None) -> Any:
    """The struct itself, or of it those fields alone: a comma-separated choice, checked by then."""
    return item if fields is None else {name: getattr(item, name) for name in fields.split(",")}
