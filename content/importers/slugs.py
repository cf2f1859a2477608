from collections.abc import Iterable, Mapping

from content.models import Post, PostQuerySet

LONGEST_STEM = 190


class SlugBook:
    """Which slugs are taken by other posts, and what a post may have instead."""

    def __init__(self, wanted: Iterable[str], own: Mapping[str, Post]) -> None:
        self.own = {post.pk for post in own.values()}
        self.taken = set(self.others().filter(slug__in=set(wanted)).values_list("slug", flat=True))

    def others(self) -> PostQuerySet:
        return Post.objects.exclude(pk__in=self.own)

    def take(self, wanted: str, current: str) -> str:
        """The wanted one, or with the first number that is free; a post that has such a one keeps it."""
        if wanted in self.taken and is_numbered(current, wanted) and current not in self.taken:
            self.taken.add(current)
            return current
        slug, number = wanted, 2
        while slug in self.taken or (number > 2 and self.others().filter(slug=slug).exists()):
            slug, number = f"{wanted[:LONGEST_STEM]}-{number}", number + 1
        self.taken.add(slug)
        return slug


def is_numbered(slug: str, stem: str) -> bool:
    before, _, number = slug.rpartition("-")
    return before == stem[:LONGEST_STEM] and number.isdecimal()
