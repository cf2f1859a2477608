"""The targets of the catalogue that a choice names."""

from collections.abc import Sequence
from fnmatch import translate
from re import compile
from urllib.parse import unquote

from content.caching.engines import engine_of
from content.caching.headers import StoredHeader, read_headers
from content.caching.key import weak_tag
from content.warming.choice import Choice
from content.warming.hot_set import name_of
from content.warming.logged_reads import path_of
from content.warming.targets import Plan, Target, pages


class Unknown(Exception):
    """Stored entries are unknown: the cache does not answer, or invalidations may have been missed."""


class Selection:
    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.names = frozenset(choice.names)
        self.tags = {each for tag in choice.tags for each in (tag, weak_tag(tag))}
        self.patterns = [compile(translate(pattern)) for pattern in choice.patterns]
        named = choice.names or choice.tags or choice.patterns
        self.is_whole = choice.everything or (choice.stale and not named)

    async def select(self, targets: Sequence[Target]) -> Plan:
        """Those that are chosen, in their order. Raises Unknown where that depends on what is stored."""
        if not (self.tags or self.choice.stale):
            return [target for target in targets if self.is_named(target)]
        engine = engine_of("default")
        stored = await read_headers(engine.tiers, [str(target) for target in targets])
        if stored is None:
            raise Unknown("what is stored is not known")
        now = engine.clock()
        return [target for target in targets if self.is_chosen(target, stored.get(str(target)), now)]

    def is_chosen(self, target: Target, stored: StoredHeader | None, now: float) -> bool:
        has_tag = stored is not None and not self.tags.isdisjoint(stored.header.tags)
        if not (has_tag or self.is_named(target)):
            return False
        return not self.choice.stale or (stored is not None and stored.fresh_for(now) <= 0)

    def is_named(self, target: Target) -> bool:
        if self.is_whole or target.resource.name in self.names:
            return True
        if not self.patterns:
            return False
        name = unquote(path_of(target.parameters[0])) if target.resource is pages else name_of(target)
        return any(pattern.match(name) for pattern in self.patterns)
