"""The pages of this site in an access log: a plan to warm them, the most read first, and their heat."""

from pathlib import Path

from content.warming.access_log import AccessLog, address_at, read_access_log
from content.warming.heat import heat_of_site
from content.warming.items import ON_EVERY_PAGE
from content.warming.targets import Plan, Target, edge, pages, plan_pages


def read_log(path: Path) -> AccessLog:
    """The reads of pages that this site's edge stores. Raises OSError."""
    return read_access_log(path, address_at(edge().profile))


async def plan_log(log: AccessLog) -> Plan:
    """The logged pages, the most read first; before them what every page shows. Empty if no page can be named."""
    logged = await plan_pages(log.hottest)
    return [*(Target(resource) for resource in ON_EVERY_PAGE), *logged] if logged else []


async def add_log(log: AccessLog, plan: Plan) -> None:
    """Count the logged reads as if they were of now. Each call counts them again. Raises RedisError or OSError."""
    heat = heat_of_site()
    if heat is not None:
        urls = [target.parameters[0] for target in plan if target.resource is pages]
        await heat.add({f"page:{url}": log.reads[path_of(url)] for url in urls})


def path_of(url: str) -> str:
    """Path and query of a URL."""
    return "/" + url.partition("://")[2].partition("/")[2]
