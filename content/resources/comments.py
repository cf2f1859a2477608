from content import dependencies
from content.caching import Resource
from content.resources import policies
from content.selectors import comments as threads

# post: its primary key.
comments = Resource(
    "comments",
    load=threads.thread,
    load_many=threads.threads,
    policy=policies.COMMENTS,
    tags=lambda post: (dependencies.comments(post),),
)
