"""A new web process beside a warm Redis: how soon it is ready, and how much it has in its memory then."""

import asyncio
import time
from collections.abc import Sequence

from tests.benchmarks.readers import read_at_rate
from tests.benchmarks.warm.contenders import Site
from tests.benchmarks.warm_site import wait_until_warm
from tests.support.servers.process import free_port
from tests.support.service import running_service


def measure_newcomer(site: Site, drawn: Sequence[str], rate: int) -> str:
    """In a sentence. `drawn`: what readers ask for in the first second."""
    wait_until_warm(site.environment)
    port, began = free_port(), time.perf_counter()
    with running_service(site.service.state_dir, command="serve", environment=site.own, port=port) as service:
        service.wait_for_line("Serving on")
        ready = time.perf_counter() - began
        # Readers come by the address of the site, as through a load balancer.
        reads = asyncio.run(read_at_rate(port, drawn[:rate], rate, host=f"127.0.0.1:{site.service.port}"))
    from_memory = sum(read.from_memory for read in reads) / len(reads)
    hits = sum(read.is_hit for read in reads) / len(reads)
    longest = max(read.took for read in reads)
    return (
        f"A new web process is ready after {ready:.1f} s. In its first second {hits:.1%} of {len(reads):,} requests "
        f"are hits, {from_memory:.1%} from its own memory; the slowest takes {longest:.3f} s."
    )
