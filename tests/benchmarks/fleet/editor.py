"""Edits posts as the admin saves them. Each line of its input is one edit; it answers with a line of JSON.

The answer has the path of the post and the mark that its page shows from now on, or the error.
"""

import json
import random
import sys
from itertools import count

import django

SEED = 27


def main() -> None:
    django.setup()
    from django.db import close_old_connections, transaction

    from content.models import Post

    chosen = random.Random(SEED)
    posts = list(Post.objects.filter(status="published", password="", kind="post").order_by("pk"))
    bodies = {post.pk: post.body for post in posts}
    print("ready", flush=True)
    for number, _line in zip(count(1), sys.stdin, strict=False):
        post, mark = chosen.choice(posts), f"edit-{number}-here"
        post.body = f"{bodies[post.pk]}\n\nThis is {mark}."
        try:
            close_old_connections()
            with transaction.atomic():
                post.save()
            answer = {"path": post.get_absolute_url(), "mark": mark}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
