"""Rate limits by key, counted for all processes together.

posting = Limit("posting", Rate(5, timedelta(minutes=1)), Rate(20, timedelta(hours=1)))

verdict = await posting.take(client_network(address))
if not verdict.allowed: ...  # try again after verdict.retry_after seconds
"""

from content.limits.limit import Limit, client_network
from content.limits.rate import Rate, Verdict

__all__ = ["Limit", "Rate", "Verdict", "client_network"]
