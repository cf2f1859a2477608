"""The return of warming: warmed entries that were read before they ended, their cost, and the waiting they saved.

All are sums over all processes, by plan and resource. Events and amounts have the plan's label in the tier's place:

warmed warmed_bytes       stored by warming
warmed_read               of these, read while fresh, each counted once
warmed_unread             of these, ended without a read, as far as the control loop saw
warm_saved_seconds        loads that a reader would have waited for, of those that were read
warm_loads warm_queries warm_cpu_seconds warm_load_seconds    what the loads cost
warm_put_off warm_put_off_seconds    loads that were put off since nobody had read the entry, and for how long
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from ..warm_plan import PLANS, WarmPlan
from .events import EventCounts

# The fields of Return by their names in the totals.
NAMES = {
    "warmed": "warmed",
    "warmed_bytes": "bytes",
    "warmed_read": "read",
    "warmed_unread": "unread",
    "warm_saved_seconds": "saved_seconds",
    "warm_loads": "loads",
    "warm_queries": "queries",
    "warm_cpu_seconds": "cpu_seconds",
    "warm_load_seconds": "load_seconds",
    "warm_put_off": "put_off",
    "warm_put_off_seconds": "put_off_seconds",
}
# Fewer ends than this say nothing about a resource.
ENOUGH = 20
# The share of entries that are read, below which warming does not pay.
WORTHWHILE = 0.2


@dataclass(frozen=True)
class Return:
    """The return of one plan and resource, or of several together (then `resource` is empty)."""

    plan: str
    resource: str = ""
    warmed: float = 0.0
    read: float = 0.0
    unread: float = 0.0
    bytes: float = 0.0
    loads: float = 0.0
    queries: float = 0.0
    cpu_seconds: float = 0.0
    load_seconds: float = 0.0
    saved_seconds: float = 0.0
    put_off: float = 0.0
    put_off_seconds: float = 0.0

    @property
    def share_read(self) -> float | None:
        """The share of the entries that were read or have ended. The others may still be read. None before any."""
        known = self.read + self.unread
        return self.read / known if known > 0 else None

    @property
    def pays(self) -> bool | None:
        """None for parts, which readers get in pages, and where too few have ended to say."""
        if self.plan == WarmPlan.PARTS.label or self.share_read is None or self.read + self.unread < ENOUGH:
            return None
        return self.share_read >= WORTHWHILE

    @property
    def advice(self) -> str:
        """The advice for entries that few readers read; "" if there is none."""
        if self.pays is not False:
            return ""
        return (
            f"Of {self.resource or 'the entries'} under the plan {self.plan}, {self.share_read:.0%} were read before "
            f"they ended. Warming has put off {self.put_off:,.0f} loads of them, by {self.put_off_seconds:,.0f} s "
            "together. To warm fewer, let them end less often (narrower tags, a longer ttl), or leave them out of "
            "the catalogue."
        )


def returns(totals: EventCounts) -> list[Return]:
    """The return of each plan and resource, in the order of plans, the most warmed first."""
    amounts: dict[tuple[str, str], dict[str, float]] = {}
    for (what, resource, plan), amount in totals.items():
        if what in NAMES and plan in PLANS:
            amounts.setdefault((plan, resource), {})[NAMES[what]] = float(amount)
    rows = [Return(plan, resource, **each) for (plan, resource), each in amounts.items()]
    return sorted(rows, key=lambda row: (PLANS.index(row.plan), -row.warmed, row.resource))


def by_plan(rows: list[Return]) -> Iterator[Return]:
    """The sums of all resources of each plan."""
    numbers = [field.name for field in fields(Return) if field.name not in ("plan", "resource")]
    for plan in PLANS:
        some = [row for row in rows if row.plan == plan]
        if some:
            yield Return(plan, "", **{name: sum(getattr(row, name) for row in some) for name in numbers})
