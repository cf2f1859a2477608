"""The load of an installation, with bounds."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

# Entries and pages of a site: counted on sites of 509, 18,000 and 100,000 posts (docs/warming.md).
ENTRIES, PAGES = (730.0, 5.86), (300.0, 2.73)


@dataclass(frozen=True)
class Bound:
    """`unit`: in messages, behind the bounds."""

    least: float
    most: float
    unit: str


SHARE = Bound(0, 1, "as a share")


def number(default: float | None, bound: Bound, meaning: str) -> Any:
    return field(default=default, metadata={"bound": bound, "help": meaning})


class BadLoad(ValueError):
    """A number that no installation has."""


@dataclass(frozen=True)
class Load:
    """The options of `manage.py capacity`: each with its default, its bounds and its meaning."""

    posts: float = number(1_000, Bound(0, 100_000_000, "posts"), "of the site (default: those of this one)")
    web_processes: float = number(4, Bound(1, 100_000, "processes"), "of all hosts")
    workers: float = number(2, Bound(1, 10_000, "workers"), "of all hosts, each with two processes")
    reads: float = number(100, Bound(0, 100_000_000, "reads a second"), "a second, at nginx")
    at_varnish: float = number(1, SHARE, "share of the reads that nginx does not answer itself")
    at_web: float = number(1, SHARE, "share of the reads that reach the web processes")
    from_redis: float = number(
        0.01, SHARE, "share of the reads at the web processes that find their page in Redis only"
    )
    misses: float = number(0.001, SHARE, "share of these that find it nowhere")
    edits: float = number(0.1, Bound(0, 1_000_000, "edits a second"), "posts saved a second")
    edit_pages: float | None = number(
        None, Bound(0, 100_000, "pages"), "pages that an edit makes stale (default: as measured)"
    )
    viewers: float = number(0, Bound(0, 1_000_000, "dashboards"), "open dashboards")
    memory: float = number(64, Bound(1, 1_048_576, "MB"), "MB of entries in each process (default: EVERGREEN_MEMORY)")
    cache_memory: float = number(1024, Bound(1, 1e9, "MB"), "maxmemory of the cache's Redis in MB")
    database_connections: float = number(
        200, Bound(1, 1_000_000, "connections"), "max_connections of PostgreSQL (default: that of this one)"
    )
    network: float = number(1, Bound(0.001, 10_000, "Gbit/s"), "Gbit/s of each Redis")

    def __post_init__(self) -> None:
        for each in fields(self):
            value, bound = getattr(self, each.name), each.metadata["bound"]
            # A comparison with NaN is false.
            if value is not None and not bound.least <= value <= bound.most:
                name = each.name.replace("_", "-")
                raise BadLoad(f"--{name} {value:g}: {bound.least:,g} to {bound.most:,.10g} {bound.unit}.")
        if self.at_web > self.at_varnish:
            raise BadLoad("--at-web is larger than --at-varnish: a read reaches the web processes by Varnish.")
        if self.from_redis + self.misses > 1:
            raise BadLoad("--from-redis and --misses are shares of the same reads: at most 1 together.")

    def times(self, factor: float) -> "Load":
        """The same installation with so many times the reads and edits. They may pass the bounds."""
        grown = replace(self)
        object.__setattr__(grown, "reads", self.reads * factor)
        object.__setattr__(grown, "edits", self.edits * factor)
        return grown

    @property
    def pages(self) -> float:
        return PAGES[0] + PAGES[1] * self.posts

    @property
    def items(self) -> float:
        """Entries and pages, each of which has a place in the cache."""
        return ENTRIES[0] + ENTRIES[1] * self.posts + self.pages
