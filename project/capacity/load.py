"""The load of an installation, with bounds."""

from dataclasses import dataclass, fields, replace

# Entries and pages of a site: counted on sites of 509, 18,000 and 100,000 posts (docs/warming.md).
ENTRIES, PAGES = (730.0, 5.86), (300.0, 2.73)


@dataclass(frozen=True)
class Bound:
    """`unit`: in messages, behind the bounds."""

    least: float
    most: float
    unit: str


BOUNDS = {
    "posts": Bound(0, 100_000_000, "posts"),
    "web_processes": Bound(1, 100_000, "processes"),
    "workers": Bound(1, 10_000, "workers"),
    "reads": Bound(0, 100_000_000, "reads a second"),
    "at_varnish": Bound(0, 1, "as a share"),
    "at_web": Bound(0, 1, "as a share"),
    "from_redis": Bound(0, 1, "as a share"),
    "misses": Bound(0, 1, "as a share"),
    "edits": Bound(0, 1_000_000, "edits a second"),
    "edit_pages": Bound(0, 100_000, "pages"),
    "viewers": Bound(0, 1_000_000, "dashboards"),
    "memory": Bound(1, 1_048_576, "MB"),
    "cache_memory": Bound(1, 1e9, "MB"),
    "database_connections": Bound(1, 1_000_000, "connections"),
    "network": Bound(0.001, 10_000, "Gbit/s"),
}


class BadLoad(ValueError):
    """A number that no installation has."""


@dataclass(frozen=True)
class Load:
    """The first three are counts, then reads and edits a second.

    at_varnish, at_web   share of reads that nginx, and Varnish, do not answer; 1 without them
    from_redis, misses   share of reads at the web processes that find the page in Redis only, and nowhere
    edit_pages           pages that an edit makes stale; None: as measured
    viewers              open dashboards
    memory               EVERGREEN_MEMORY in MB
    cache_memory         maxmemory of the cache's Redis in MB
    database_connections max_connections of PostgreSQL
    network              Gbit/s of each Redis
    """

    posts: float = 1_000
    web_processes: float = 4
    workers: float = 2
    reads: float = 100
    at_varnish: float = 1
    at_web: float = 1
    from_redis: float = 0.01
    misses: float = 0.001
    edits: float = 0.1
    edit_pages: float | None = None
    viewers: float = 0
    memory: float = 64
    cache_memory: float = 1024
    database_connections: float = 200
    network: float = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value, bound = getattr(self, field.name), BOUNDS[field.name]
            # A comparison with NaN is false.
            if value is not None and not bound.least <= value <= bound.most:
                name = field.name.replace("_", "-")
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
