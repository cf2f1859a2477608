from content import cache_tags
from content.caching import Resource
from content.resources import policies
from content.selectors.comments import load_thread, load_threads

# post: its primary key.
comments = Resource(
    "comments",
    load=load_thread,
    load_many=load_threads,
    policy=policies.COMMENTS,
    tags=lambda post: (cache_tags.comments(post),),
)
