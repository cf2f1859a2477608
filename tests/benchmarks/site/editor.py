"""Edits posts as the admin saves them, in a process of its own: one for each line that it reads.

It answers each with a line of JSON: the path of the post, and the mark that its page shows from now on. For the line
"withdraw" it withdraws a post, and answers with the path alone. The last post is edited instead.
"""

import json
import random
import sys
from itertools import count
from typing import Any

import django

SEED = 9


def main() -> None:
    django.setup()
    from django.utils.encoding import iri_to_uri

    from content.models import Post

    posts = list(Post.objects.filter(status="published", password="", kind="post").order_by("pk"))
    bodies = {post.pk: post.body for post in posts}
    chosen, numbers = random.Random(SEED), count(1)
    print("ready", flush=True)
    for line in sys.stdin:
        post = chosen.choice(posts)
        answer = {"path": iri_to_uri(post.get_absolute_url())}
        if line == "withdraw\n" and len(posts) > 1:
            posts.remove(post)
            save(post, status="withdrawn")
        else:
            mark = answer["mark"] = f"edit-{next(numbers)}-of-{post.pk}"
            save(post, body=f"{bodies[post.pk]}\n\nThis is {mark}.")
        print(json.dumps(answer), flush=True)


def save(post: Any, **values: str) -> None:
    from django.db import transaction

    for name, value in values.items():
        setattr(post, name, value)
    with transaction.atomic():
        post.save()


if __name__ == "__main__":
    main()
