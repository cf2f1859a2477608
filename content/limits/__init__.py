"""How often somebody may do something: limits by key, counted for all processes together.

posting = Limit("posting", Rate(5, timedelta(minutes=1)), Rate(20, timedelta(hours=1)))

verdict = await posting.take(client_network(address))
if not verdict.allowed: ...  # come back after verdict.retry_after seconds
"""

from content.limits.address import client_network
from content.limits.limit import Limit
from content.limits.rate import Rate
from content.limits.verdict import Verdict

__all__ = ["Limit", "Rate", "Verdict", "client_network"]
