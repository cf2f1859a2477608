"""Rows between posts and their tags and authors."""

from content.models import Authorship, Post
from tests.support.flows.scene import Scene, changes_term, joins, quits
from tests.support.flows.ways.way import way

Links = Post.tags.through


def links(scene: Scene):  # type: ignore[no-untyped-def]
    return Links.objects.filter(post=scene.post)


@way("m2m add", joins("tag"))
def add(scene: Scene) -> None:
    scene.post.tags.add(scene.other_tag)


@way("m2m add from the other side", joins("tag"))
def add_reverse(scene: Scene) -> None:
    scene.other_tag.posts.add(scene.post)


@way("m2m remove", quits("tag"))
def remove(scene: Scene) -> None:
    scene.post.tags.remove(scene.tag)


@way("m2m set", changes_term("tag"))
def set_tags(scene: Scene) -> None:
    scene.post.tags.set([scene.other_tag])


@way("m2m clear", quits("tag"))
def clear(scene: Scene) -> None:
    scene.post.tags.clear()


@way("through.bulk_create", joins("tag"))
def create_rows(scene: Scene) -> None:
    Links.objects.bulk_create([Links(post=scene.post, tag=scene.other_tag)])


@way("through.update", changes_term("tag"))
def update_rows(scene: Scene) -> None:
    links(scene).update(tag=scene.other_tag)


@way("through.delete", quits("tag"))
def delete_rows(scene: Scene) -> None:
    links(scene).delete()


@way("Authorship.create", joins("author"))
def create_authorship(scene: Scene) -> None:
    Authorship.objects.create(post=scene.post, author=scene.other_author, position=1)


@way("Authorship.update of the author", changes_term("author"))
def update_authorship(scene: Scene) -> None:
    Authorship.objects.filter(post=scene.post).update(author=scene.other_author)


@way("Authorship.delete", quits("author"))
def delete_authorship(scene: Scene) -> None:
    Authorship.objects.filter(post=scene.post).delete()
