"""How long each resource lives, and why: all in this one place.

A change by a write invalidates, whatever its ttl: time is the net under what writes say, and the whole of it only
where nothing says anything (views).
"""

from dataclasses import replace
from datetime import timedelta

from content.caching import MODERATE, RARE, STATIC, VOLATILE, Policy

# Readers wait for a load no longer than this while there is something older to show.
SOON = timedelta(milliseconds=800)
# Longer than this, a query of ours is stuck.
LATEST = timedelta(seconds=10)


def patient(policy: Policy) -> Policy:
    return policy.with_timeouts(soft=SOON, hard=LATEST)


# On every page, changed twice a year, and a page without it cannot be shown: kept longest.
SITE = patient(STATIC)
# Asked for every path that is no page, and mostly not there.
REDIRECT = patient(RARE)
# Edited now and then, and read most: what is invalidated is loaded by the next reader, or by the warmer before.
POST = patient(STATIC)
# Approvals, edits and deletions say so, nothing changes by time; and without it a post is not whole.
COMMENTS = patient(STATIC)
# Assembled into lists by dozens, with load_many.
POST_CARD = patient(STATIC)
# Beside a post: which others are close to it changes when one comes or goes, which says so, or at its time.
NEARBY = patient(STATIC)
# Asked for where there is neither post nor redirect; the post's next save ends it, whatever it says.
WITHDRAWN = patient(RARE)
# Change with every publication, which says so, and at the time of a scheduled post, which ends them.
LISTING = patient(STATIC)
SIDEBAR = patient(STATIC)
# As lists, which they are, whole: of posts by place, and of authors, categories and tags with their counts.
SEQUENCE = patient(STATIC)
DIRECTORY = patient(STATIC)
# Months with their counts: end when a post joins or leaves one, and old years hardly ever.
ARCHIVE = patient(STATIC)
# Machines ask a few times a day; what each part tells ends it, and the dearest takes a pass over all posts.
SITEMAP = patient(STATIC)
# Views change all the time and invalidate nothing: these live by time, and a little late is no harm.
POPULAR = patient(MODERATE)
TRENDING = patient(MODERATE)
# Names and descriptions of categories, tags and authors.
TERM = patient(STATIC)
# Readers' words are without number and seldom come twice: kept for a minute at most, so that whoever searches at
# random fills nothing. Ended by every write; a scheduled post is found half a minute late.
SEARCH = patient(replace(VOLATILE, error_ttl=timedelta(0)))
