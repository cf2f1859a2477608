"""The tags of a resource's entries, and of what shows them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .engine import Engine
from .key import EntryKey, check_tags, entry_tag, value_tag
from .loader_call import LoaderResult


class ResourceTags:
    """The part of a resource that names tags."""

    name: str
    own_tag: str
    tags: Callable[..., Iterable[str]] | None
    value_tags: Callable[[Any], Iterable[str]] | None
    cutoff: bool

    @property
    def engine(self) -> Engine:
        raise NotImplementedError

    def tags_of(
        self, entry_key: EntryKey, loaded: LoaderResult[Any], dependencies: Iterable[str] = ()
    ) -> tuple[str, ...]:
        tags = {self.own_tag, *self.declared_tags(entry_key), *dependencies}
        if self.cutoff:
            tags.add(value_tag(entry_key.key))
        if loaded.absence is not None:
            tags.update(self._checked(loaded.absence.tags))
        elif self.value_tags:
            tags.update(self._checked(self.value_tags(loaded.value)))
        return tuple(sorted(tags))

    def declared_tags(self, entry_key: EntryKey) -> Sequence[str]:
        """The tags of every entry for these parameters; one of its own if `tags` was not given."""
        if self.tags is None:
            return (entry_tag(self.name, entry_key.key),)
        return self._checked(self.tags(*entry_key.parameters))

    def _checked(self, tags: Iterable[str]) -> tuple[str, ...]:
        try:
            return check_tags(tags)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Resource {self.name!r}: {error}") from None

    def tags_in_passing(self, entry_key: EntryKey) -> tuple[str, ...] | None:
        """Counters cannot tell whether a value has changed: there it is shown by its own tags."""
        if self.cutoff and self.engine.ordering.is_local:
            return self.own_tag, value_tag(entry_key.key)
        return None
