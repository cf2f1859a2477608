"""The declaration of a watched model: columns that each document shows, and the tags of a change."""

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from ..key import check_tags
from ..schema import schema_of

# A row that cannot be named alone: too many were written at once, or the table was emptied.
ALL = "*"


@dataclass(frozen=True)
class Change:
    """One row that was written. `old` is None for a new row, `new` for a deleted one.

    Both hold the columns that the declaration reads, as JSON has them. `columns` names the watched ones that differ.
    """

    pk: Any
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    columns: frozenset[str]

    @property
    def states(self) -> list[Mapping[str, Any]]:
        return [state for state in (self.old, self.new) if state is not None]

    def concerns(self, columns: Iterable[str]) -> bool:
        """Whether a document that shows these columns looks different: any new or deleted row does."""
        return self.old is None or self.new is None or not self.columns.isdisjoint(columns)


Tags = Callable[[Sequence[Change]], Iterable[str]]


@dataclass(frozen=True)
class Watch:
    """A watched model. Columns are names in the database."""

    model: type[models.Model]
    name: str
    documents: Mapping[str, frozenset[str]]
    shown: frozenset[str]
    reads: tuple[str, ...]
    tags: Tags | None
    coarse: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name of the model in the outbox."""
        return self.model._meta.label_lower

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def key(self) -> str:
        """The column of the primary key."""
        return str(self.model._meta.pk.column)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns whose change matters, in the order of the table."""
        wanted = {*self.reads}.union(self.shown, *self.documents.values())
        return tuple(field.column for field in self.model._meta.concrete_fields if field.column in wanted)

    def tags_of(self, changes: Sequence[Change]) -> set[str]:
        """Raises whatever the declared function raises, and TypeError and ValueError for its tags."""
        tags = {
            f"{self.name}:{change.pk}:{document}"
            for change in changes
            for document, columns in self.documents.items()
            if change.concerns(columns)
        }
        return tags.union(check_tags(self.tags(changes))) if self.tags is not None else tags

    @property
    def coarse_tags(self) -> set[str]:
        """Tags of all rows, for a write that touches too many of them."""
        return {f"{self.name}:{ALL}", *self.coarse}

    @property
    def digest(self) -> str:
        """Another one for a declaration that gives other tags for the same change."""
        documents = sorted((name, sorted(columns)) for name, columns in self.documents.items())
        columns = sorted(self.columns), sorted(self.reads)
        return schema_of(None, [self.tags], self.label, self.name, documents, *columns, sorted(self.coarse))


watches: dict[str, Watch] = {}
_digests: dict[tuple[int, ...], str] = {}


def digest_of_watches() -> str:
    """The digest of all declarations. Releases with different ones append the tags of each change on their own."""
    key = tuple(map(id, watches.values()))
    if key not in _digests:
        _digests.clear()
        _digests[key] = ",".join(each.digest for each in watches.values())
    return _digests[key]


def watch(
    model: type[models.Model],
    *,
    documents: Mapping[str, Iterable[str]] | None = None,
    columns: Iterable[str] = (),
    reads: Iterable[str] = (),
    tags: Tags | None = None,
    coarse: Iterable[str] = (),
    name: str = "",
) -> Watch:
    """Watch every write to a model's table. Call it when the application is ready.

    documents: by name, the fields that a document shows. A change of one has the tag "product:42:card".
    columns: further fields whose change matters, for `tags` alone.
    reads: fields whose old and new values `tags` needs. Give short ones: they are kept in the outbox.
    tags: further tags of some changes; it may query the database, once for all of them.
    coarse: tags, beside "product:*", for a statement that writes more rows than can be named one by one.
    name: begins each tag; the model's name by default.

    Raises TypeError and ValueError for names that are no fields of the model. Two declarations of one model are an
    error too.
    """
    label = model._meta.label_lower
    if label in watches:
        raise ValueError(f"{label} is watched already. Declare all its documents in one call of watch().")
    shown = {document: frozenset(_columns(model, fields)) for document, fields in (documents or {}).items()}
    watched = Watch(
        model=model,
        name=name or model._meta.model_name or label,
        documents=shown,
        shown=frozenset(_columns(model, columns)),
        reads=tuple(_columns(model, reads)),
        tags=tags,
        coarse=check_tags(coarse),
    )
    check_tags(watched.coarse_tags)
    watches[label] = watched
    return watched


def _columns(model: type[models.Model], fields: Iterable[str]) -> list[str]:
    if isinstance(fields, str):
        raise TypeError(f"The fields are one string, {fields!r}. Give a list of names.")
    by_name = {field.name: field.column for field in model._meta.concrete_fields}
    by_name |= {field.attname: field.column for field in model._meta.concrete_fields}
    fields = list(fields)
    unknown = [name for name in fields if name not in by_name]
    if unknown:
        raise ValueError(
            f"{model._meta.label} has no column for {unknown[0]!r}. Its fields are {', '.join(sorted(by_name))}."
        )
    return [str(by_name[name]) for name in fields]


def time_of(text: Any) -> datetime.datetime | None:
    """A time as a trigger wrote it: PostgreSQL in ISO 8601, SQLite as Django stores it (in UTC). None stays None."""
    if text is None:
        return None
    time = datetime.datetime.fromisoformat(str(text))
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
