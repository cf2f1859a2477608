"""Posts, by Django's ORM."""

import asyncio

from django.db.models import F, Value
from django.db.models.functions import Replace

from content.models import Post
from tests.support.flows.scene import Scene, Sight, appears, leaves, moves, returns, title
from tests.support.flows.ways.way import way


@way("Model.save", title)
def save(scene: Scene) -> None:
    scene.post.title = scene.new
    scene.post.save()


@way("save(update_fields)", title)
def save_some_fields(scene: Scene) -> None:
    scene.post.title = scene.new
    scene.post.save(update_fields=["title"])


@way("asave", title)
def asave(scene: Scene) -> None:
    scene.post.title = scene.new
    asyncio.run(scene.post.asave())


@way("create", appears)
def create(scene: Scene) -> None:
    Post.objects.create(
        slug=scene.slug("-b"), title=scene.new, status="published", category=scene.category,
        published_at=scene.post.published_at,
    )  # fmt: skip


@way("get_or_create", appears)
def get_or_create(scene: Scene) -> None:
    values = {
        "title": scene.new, "status": "published", "category": scene.category,
        "published_at": scene.post.published_at,
    }  # fmt: skip
    Post.objects.get_or_create(slug=scene.slug("-b"), defaults=values)


@way("update_or_create", title)
def update_or_create(scene: Scene) -> None:
    Post.objects.update_or_create(slug=scene.slug(), defaults={"title": scene.new})


@way("bulk_create", appears)
def bulk_create(scene: Scene) -> None:
    Post.objects.bulk_create([scene.build_post("-b", category=scene.category)])


@way("bulk_create(ignore_conflicts)", appears)
def bulk_create_ignoring(scene: Scene) -> None:
    posts = [scene.build_post("", category=scene.category), scene.build_post("-b", category=scene.category)]
    Post.objects.bulk_create(posts, ignore_conflicts=True)


@way("bulk_create(update_conflicts)", title)
def bulk_create_updating(scene: Scene) -> None:
    Post.objects.bulk_create(
        [scene.build_post("")], update_conflicts=True, unique_fields=["slug"], update_fields=["title"]
    )


@way("bulk_update", title)
def bulk_update(scene: Scene) -> None:
    scene.post.title = scene.new
    Post.objects.bulk_update([scene.post], ["title"])


@way("QuerySet.update of a title", title)
def update_title(scene: Scene) -> None:
    scene.posts.update(title=scene.new)


@way("aupdate", title)
def aupdate(scene: Scene) -> None:
    asyncio.run(scene.posts.aupdate(title=scene.new))


@way("QuerySet.update by an expression", title)
def update_by_expression(scene: Scene) -> None:
    scene.posts.update(title=Replace(F("title"), Value(scene.old), Value(scene.new)))


@way("QuerySet.update to withdrawn", leaves("410"))
def update_to_withdrawn(scene: Scene) -> None:
    scene.posts.update(status="withdrawn")


@way("QuerySet.update to draft", leaves("404"))
def update_to_draft(scene: Scene) -> None:
    scene.posts.update(status="draft")


def withdraw(scene: Scene) -> None:
    scene.posts.update(status="withdrawn")


@way("restored by QuerySet.update", returns("410"), prepare=withdraw)
def restore_by_update(scene: Scene) -> None:
    scene.posts.update(status="published")


@way("restored by Model.save", returns("410"), prepare=withdraw)
def restore_by_save(scene: Scene) -> None:
    scene.post.status = "published"
    scene.post.save()


@way("a password set", leaves("404"))
def set_password(scene: Scene) -> None:
    scene.posts.update(password="open sesame")


@way("renamed by QuerySet.update", moves("404"))
def rename_by_update(scene: Scene) -> None:
    scene.posts.update(slug=scene.slug("-moved"))


@way("renamed by Model.save", moves("301"))
def rename_by_save(scene: Scene) -> None:
    scene.post.slug = scene.slug("-moved")
    scene.post.save()


def moves_back(scene: Scene) -> list[Sight]:
    return [
        Sight("post", scene.slug(), goes=("301",), comes=("200", scene.old)),
        Sight("post", scene.slug("-moved"), goes=("200", scene.old), comes=("301",)),
    ]


@way("renamed back by Model.save", moves_back, prepare=rename_by_save)
def rename_back(scene: Scene) -> None:
    scene.post.slug = scene.slug()
    scene.post.save()


def turns_page(scene: Scene) -> list[Sight]:
    return [
        Sight("post", scene.slug(), goes=("200", scene.old), comes=("404",)),
        Sight("page", scene.slug(), goes=("404",), comes=("200", scene.old)),
        Sight("tag", scene.slug(), goes=(scene.old,)),
    ]


@way("moved: a post made a page", turns_page)
def make_page(scene: Scene) -> None:
    scene.posts.update(kind="page")


def changes_category(scene: Scene) -> list[Sight]:
    goes, comes = (scene.word("category"),), (scene.word("othercategory"),)
    return [
        Sight("post", scene.slug(), goes=goes, comes=comes),
        Sight("category", scene.slug(), goes=(scene.old,)),
        Sight("category", scene.slug("-other"), comes=(scene.old,)),
    ]


@way("moved to another category", changes_category)
def change_category(scene: Scene) -> None:
    scene.posts.update(category=scene.other_category)


@way("Model.delete", leaves("404"))
def delete(scene: Scene) -> None:
    scene.post.delete()


@way("QuerySet.delete", leaves("404"))
def delete_many(scene: Scene) -> None:
    scene.posts.delete()


def without_links(scene: Scene) -> None:
    scene.post.tags.clear()
    scene.post.authorships.all().delete()


def leaves_its_category(scene: Scene) -> list[Sight]:
    return [sight for sight in leaves("404")(scene) if sight.subject != "tag"]


@way("_raw_delete", leaves_its_category, prepare=without_links)
def raw_delete(scene: Scene) -> None:
    scene.posts._raw_delete("default")
