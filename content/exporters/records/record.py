from typing import Any, TypeVar

from django.db.models import Model
from msgspec import Struct


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A row as an export has it.

    Its fields and their defaults are the format of every export there is: what is left out of a file has the
    default, so a default that changes makes a new version of the format.
    """


SomeRecord = TypeVar("SomeRecord", bound=Record)


def columns_of(kind: type[SomeRecord], row: Model) -> SomeRecord:
    """For a record whose fields are columns of its table."""
    values: dict[str, Any] = {name: getattr(row, name) for name in kind.__struct_fields__}
    return kind(**values)
