"""What warming has returned in a run, by plan: of the entries that it stored, how many were read before their end."""

import json

from tests.support.service import manage


def describe_return(environment: dict[str, str]) -> str:
    """In a sentence for each plan, with the first warm-up of the site."""
    rows = json.loads(manage(environment, "cache_stats", "--json"))["warming"]["return"]
    return "\n".join(_describe(plan, [row for row in rows if row["plan"] == plan]) for plan in ("hot", "site"))


def _describe(plan: str, rows: list[dict[str, float]]) -> str:
    def total(name: str) -> float:
        return sum(row[name] for row in rows)

    ended = total("read") + total("unread")
    return (
        f"Plan {plan}: {total('warmed'):,.0f} warmed, {total('read'):,.0f} read, {total('unread'):,.0f} ended "
        f"unread ({total('read') / ended if ended else 1:.1%} read); {total('saved_seconds'):,.1f} s of waiting "
        f"saved for {total('cpu_seconds'):,.1f} s of processor time and {total('queries'):,.0f} queries; "
        f"{total('put_off'):,.0f} loads put off."
    )
