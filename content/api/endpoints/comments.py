from django.http import HttpRequest

from content import resources
from content.api.app import api
from content.api.parameters import Slug
from content.api.reading import found
from content.api.shapes import Comment, Thread


@api.endpoint("/posts/{word:slug}/comments/", Thread, about="Posts")
async def comments(request: HttpRequest, slug: Slug) -> Thread:
    """The comments of a post: the latest 500 at most."""
    post = await found("post", slug)
    thread = await resources.comments.get(post.id)
    items = tuple(
        Comment(
            id=each.id,
            author_name=each.author_name,
            html=each.html,
            created_at=each.created_at,
            parent=each.parent,
            depth=each.depth,
        )
        for each in thread.comments
    )
    return Thread(items=items, total=thread.total)
