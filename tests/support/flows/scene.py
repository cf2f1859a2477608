"""The rows that one write is about, and what readers see of them before and after."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from content.models import Author, Authorship, Category, Post, Tag


class Sight(msgspec.Struct, frozen=True):
    """A place that a reader looks at. The write takes the marks `goes` from it, and brings the marks `comes`.

    A mark is a status of HTTP or a word of the scene. Without any the sight stays as it is.
    """

    subject: str
    key: str
    goes: tuple[str, ...] = ()
    comes: tuple[str, ...] = ()

    def is_old(self, marks: set[str]) -> bool:
        return marks.issuperset(self.goes) and marks.isdisjoint(self.comes)

    def is_new(self, marks: set[str]) -> bool:
        return marks.issuperset(self.comes) and marks.isdisjoint(self.goes)


@dataclass
class Scene:
    """A post with a category, a tag and an author, and a second of each that it has not. `url`: of the service."""

    number: int
    url: str = ""
    # When the write was committed, by time.monotonic. By default when the write returns.
    committed_at: float | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def word(self, stem: str) -> str:
        return f"{stem}{self.number}x"

    def slug(self, end: str = "") -> str:
        return f"flow-{self.number}{end}"

    @property
    def old(self) -> str:
        return self.word("old")

    @property
    def new(self) -> str:
        return self.word("new")

    def make(self) -> None:
        with transaction.atomic():
            self.category, self.other_category = (
                Category.objects.create(slug=self.slug(end), name=self.word(stem))
                for end, stem in (("", "category"), ("-other", "othercategory"))
            )
            self.tag, self.other_tag = (
                Tag.objects.create(slug=self.slug(end), name=self.word(stem))
                for end, stem in (("", "tag"), ("-other", "othertag"))
            )
            self.author, self.other_author = (
                Author.objects.create(slug=self.slug(end), name=self.word(stem))
                for end, stem in (("", "author"), ("-other", "otherauthor"))
            )
            self.post = self.build_post("", title=self.old, category=self.category)
            self.post.save()
            self.post.tags.add(self.tag)
            Authorship.objects.create(post=self.post, author=self.author)

    def build_post(self, end: str, **values: Any) -> Post:
        """A post that is public once it is saved."""
        yesterday = timezone.now() - timedelta(days=1)
        shown = {"title": self.new, "status": "published", "published_at": yesterday}
        return Post(slug=self.slug(end), **shown | values)

    @property
    def posts(self) -> Any:
        """The post, as a queryset."""
        return Post.objects.filter(pk=self.post.pk)

    def has_committed(self) -> None:
        self.committed_at = time.monotonic()


# --- what readers see ------------------------------------------------------------------------------------

Shows = Callable[[Scene], list[Sight]]


def title(scene: Scene) -> list[Sight]:
    """The post's own page and a list that has it show another title."""
    change = {"goes": (scene.old,), "comes": (scene.new,)}
    return [Sight("post", scene.slug(), **change), Sight("tag", scene.slug(), **change)]


def nothing(scene: Scene) -> list[Sight]:
    return [Sight("post", scene.slug()), Sight("tag", scene.slug())]


def appears(scene: Scene) -> list[Sight]:
    """A new post, by its address and in its category."""
    return [
        Sight("post", scene.slug("-b"), goes=("404",), comes=("200", scene.new)),
        Sight("category", scene.slug(), comes=(scene.new,)),
    ]


def leaves(status: str) -> Shows:
    """The post is shown nowhere."""

    def shows(scene: Scene) -> list[Sight]:
        return [
            Sight("post", scene.slug(), goes=("200", scene.old), comes=(status,)),
            Sight("tag", scene.slug(), goes=(scene.old,)),
            Sight("category", scene.slug(), goes=(scene.old,)),
        ]

    return shows


def returns(status: str) -> Shows:
    """The post was not there, and is."""

    def shows(scene: Scene) -> list[Sight]:
        return [
            Sight("post", scene.slug(), goes=(status,), comes=("200", scene.old)),
            Sight("tag", scene.slug(), comes=(scene.old,)),
        ]

    return shows


def moves(status: str) -> Shows:
    """The post has another address; the old one ends with this status."""

    def shows(scene: Scene) -> list[Sight]:
        return [
            Sight("post", scene.slug(), goes=("200", scene.old), comes=(status,)),
            Sight("post", scene.slug("-moved"), goes=("404",), comes=("200", scene.old)),
        ]

    return shows


def joins(kind: str) -> Shows:
    """The post joins the other term."""

    def shows(scene: Scene) -> list[Sight]:
        return [
            Sight("post", scene.slug(), comes=(scene.word(f"other{kind}"),)),
            Sight(kind, scene.slug("-other"), comes=(scene.old,)),
        ]

    return shows


def quits(kind: str) -> Shows:
    """The post leaves its term."""

    def shows(scene: Scene) -> list[Sight]:
        return [
            Sight("post", scene.slug(), goes=(scene.word(kind),)),
            Sight(kind, scene.slug(), goes=(scene.old,)),
        ]

    return shows


def changes_term(kind: str) -> Shows:
    """From its term to the other one."""

    def shows(scene: Scene) -> list[Sight]:
        goes, comes = (scene.word(kind),), (scene.word(f"other{kind}"),)
        return [
            Sight("post", scene.slug(), goes=goes, comes=comes),
            Sight(kind, scene.slug(), goes=(scene.old,)),
            Sight(kind, scene.slug("-other"), comes=(scene.old,)),
        ]

    return shows


def term(kind: str) -> Shows:
    """The term has another name, which is shown on its own page and on the post's."""

    def shows(scene: Scene) -> list[Sight]:
        change = {"goes": (scene.word(kind),), "comes": (scene.new,)}
        return [Sight(kind, scene.slug(), **change), Sight("post", scene.slug(), **change)]

    return shows
