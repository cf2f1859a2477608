"""How long each resource is cached, and why.

Every write invalidates the entries that it changes, whatever their ttl. Time is the fallback, except for views, which
invalidate nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from content.caching import MODERATE, RARE, STATIC, VOLATILE, Policy

# Readers wait no longer for a load if there is an older value.
SOFT_TIMEOUT = timedelta(milliseconds=800)
# No query of ours takes longer, unless it is stuck.
HARD_TIMEOUT = timedelta(seconds=10)


class HasNextPublication(Protocol):
    @property
    def next_publication(self) -> datetime | None: ...


def until_next_publication(document: HasNextPublication, policy: Policy) -> Policy:
    """End an entry when the next scheduled post becomes public: no write announces that."""
    return policy.until(document.next_publication)


def with_timeouts(policy: Policy) -> Policy:
    return policy.with_timeouts(soft=SOFT_TIMEOUT, hard=HARD_TIMEOUT)


# Every page needs it, and it changes twice a year: kept longest.
SITE = with_timeouts(STATIC)
# Read for every path without a page, and mostly not there.
REDIRECT = with_timeouts(RARE)
# Read most and edited rarely.
POST = with_timeouts(STATIC)
# Change with approvals, edits and deletions, and never by time.
COMMENTS = with_timeouts(STATIC)
# Lists load them by the dozen, with load_many.
POST_CARD = with_timeouts(STATIC)
# Related posts and neighbours: change when a post near them comes or goes.
RELATED = with_timeouts(STATIC)
# Read where there is neither post nor redirect; the next save of the post ends it.
WITHDRAWN = with_timeouts(STATIC)
# Change with every publication, and at the time of a scheduled post.
LISTING = with_timeouts(STATIC)
SIDEBAR = with_timeouts(STATIC)
# The same as lists, for windows of posts, and directories of authors, categories and tags with their counts.
SEQUENCE = with_timeouts(STATIC)
DIRECTORY = with_timeouts(STATIC)
# Months with counts: change when a post joins or leaves a month; old years hardly ever.
ARCHIVE = with_timeouts(STATIC)
# Machines read the sitemap a few times a day, and the most expensive part reads all posts.
SITEMAP = with_timeouts(STATIC)
# Views change all the time and invalidate nothing: rankings expire by time, and may be late.
POPULAR = with_timeouts(MODERATE)
TRENDING = with_timeouts(MODERATE)
# Names and descriptions of categories, tags and authors.
TERM = with_timeouts(STATIC)
# Queries are without number and few come twice: kept for a minute at most, so that random searches do not fill the
# cache. Every write ends them; a scheduled post is found half a minute late.
SEARCH = with_timeouts(replace(VOLATILE, error_ttl=timedelta(0)))
