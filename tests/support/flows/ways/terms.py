"""Categories, tags and authors, redirects, and the site's settings."""

from django.db.models import F, Value
from django.db.models.functions import Replace

from content.models import Author, Category, MediaFile, Redirect, SiteConfig, Tag
from tests.support.flows.scene import Scene, Sight, term
from tests.support.flows.ways.way import way


@way("QuerySet.update of a tag's name", term("tag"))
def rename_tag(scene: Scene) -> None:
    Tag.objects.filter(pk=scene.tag.pk).update(name=scene.new)


@way("Tag.save", term("tag"))
def save_tag(scene: Scene) -> None:
    scene.tag.name = scene.new
    scene.tag.save()


@way("QuerySet.update of a category's name", term("category"))
def rename_category(scene: Scene) -> None:
    Category.objects.filter(pk=scene.category.pk).update(name=scene.new)


@way("QuerySet.update of an author's name", term("author"))
def rename_author(scene: Scene) -> None:
    Author.objects.filter(pk=scene.author.pk).update(name=scene.new)


def moves_category(scene: Scene) -> list[Sight]:
    return [
        Sight("category", scene.slug(), goes=("200", scene.old), comes=("301",)),
        Sight("category", scene.slug("-moved"), goes=("404",), comes=("200", scene.old)),
    ]


@way("Category.save with another slug", moves_category)
def move_category(scene: Scene) -> None:
    scene.category.slug = scene.slug("-moved")
    scene.category.save()


def loses_tag(scene: Scene) -> list[Sight]:
    return [
        Sight("tag", scene.slug(), goes=("200", scene.old), comes=("404",)),
        Sight("post", scene.slug(), goes=(scene.word("tag"),)),
    ]


@way("Tag.delete", loses_tag)
def delete_tag(scene: Scene) -> None:
    scene.tag.delete()


def loses_category(scene: Scene) -> list[Sight]:
    return [
        Sight("category", scene.slug(), goes=("200", scene.old), comes=("404",)),
        Sight("post", scene.slug(), goes=(scene.word("category"),)),
    ]


@way("Category.delete, which sets posts' to null", loses_category)
def delete_category(scene: Scene) -> None:
    scene.category.delete()


# --- redirects ---------------------------------------------------------------------------------------


def path(scene: Scene) -> str:
    return f"/{scene.slug('-from')}/"


def make_redirect(scene: Scene) -> None:
    Redirect.objects.create(old_path=path(scene), new_path=f"/{scene.old}/")


def comes(scene: Scene) -> list[Sight]:
    return [Sight("path", path(scene), goes=("404",), comes=("301", scene.new))]


def changes(scene: Scene) -> list[Sight]:
    return [Sight("path", path(scene), goes=(scene.old,), comes=(scene.new,))]


def goes(scene: Scene) -> list[Sight]:
    return [Sight("path", path(scene), goes=("301", scene.old), comes=("404",))]


@way("Redirect.create", comes)
def create_redirect(scene: Scene) -> None:
    Redirect.objects.create(old_path=path(scene), new_path=f"/{scene.new}/")


@way("Redirect.bulk_create", comes)
def create_redirects(scene: Scene) -> None:
    Redirect.objects.bulk_create([Redirect(old_path=path(scene), new_path=f"/{scene.new}/")])


@way("Redirect.update by an expression", changes, prepare=make_redirect)
def update_redirect(scene: Scene) -> None:
    new_path = Replace(F("new_path"), Value(scene.old), Value(scene.new))
    Redirect.objects.filter(old_path=path(scene)).update(new_path=new_path)


@way("Redirect.delete", goes, prepare=make_redirect)
def delete_redirect(scene: Scene) -> None:
    Redirect.objects.filter(old_path=path(scene)).delete()


# --- the site, and files -----------------------------------------------------------------------------


def name_site(scene: Scene) -> None:
    SiteConfig(title=scene.word("oldsite")).save()


def site(scene: Scene) -> list[Sight]:
    return [Sight("home", "", goes=(scene.word("oldsite"),), comes=(scene.word("newsite"),))]


@way("SiteConfig.save", site, prepare=name_site)
def save_site(scene: Scene) -> None:
    SiteConfig(title=scene.word("newsite")).save()


@way("QuerySet.update of the site's title", site, prepare=name_site)
def update_site(scene: Scene) -> None:
    SiteConfig.objects.update(title=scene.word("newsite"))


def give_cover(scene: Scene) -> None:
    row = MediaFile(file=f"{scene.slug()}.png", sha256=scene.slug(), alt_text=scene.old, width=6, height=4)
    scene.more["cover"] = MediaFile.objects.bulk_create([row])[0]
    scene.posts.update(title="With a cover", cover=scene.more["cover"])


def cover(scene: Scene) -> list[Sight]:
    return [Sight("post", scene.slug(), goes=(scene.old,), comes=(scene.new,))]


@way("QuerySet.update of a picture's text", cover, prepare=give_cover)
def update_media(scene: Scene) -> None:
    MediaFile.objects.filter(sha256=scene.slug()).update(alt_text=scene.new)
