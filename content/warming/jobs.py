"""The jobs that workers run and `warm_cache` runs by hand."""

from collections.abc import Iterable

from content.warming.plan import plan_everything, plan_popular, plan_url, unique
from content.warming.run import MARGIN, Report, warm
from content.warming.target import Plan

HOUR = 3600.0


async def warm_popular() -> Report:
    """Every minute."""
    return await warm(await plan_popular())


async def warm_everything() -> Report:
    """Every hour, so nothing may end before the next run: what lives for days is left alone."""
    return await warm(await plan_everything(), margin=HOUR + MARGIN)


async def plan_chosen(
    names: Iterable[str] = (), urls: Iterable[str] = (), *, top: int | None = None, everything: bool = False
) -> Plan:
    """The popular, unless something else is asked for: resources by name, pages by path, all there is."""
    plan: Plan = []
    for url in urls:
        plan += await plan_url(url)
    wanted = set(names)
    if wanted:
        plan += [target for target in await plan_everything() if target.resource.name in wanted]
    if everything:
        plan += await plan_everything()
    elif top is not None or not plan:
        plan += await plan_popular() if top is None else await plan_popular(top)
    return unique(plan)


async def warm_chosen(
    names: Iterable[str] = (),
    urls: Iterable[str] = (),
    *,
    top: int | None = None,
    everything: bool = False,
) -> Report:
    return await warm(await plan_chosen(names, urls, top=top, everything=everything))
