"""Groups of the admin: Authors, Editors and Moderators. They are created once; later changes to them stay."""

from typing import Any

from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

ALL = ("add", "change", "delete", "view")
TERMS = ("author", "category", "tag")

GROUPS = {
    # Authors write drafts. Only users who may publish change public posts.
    "Authors": [
        "add_post", "change_post", "view_post", "add_mediafile", "view_mediafile",
        *(f"view_{term}" for term in TERMS), "add_tag",
        "add_authorship", "change_authorship", "delete_authorship", "view_authorship",
    ],
    "Editors": [
        "publish_post", "view_siteconfig", "view_warmrun", "steer_warmrun", "view_purge", "start_purge",
        *(f"{verb}_{name}" for name in ("post", "authorship", "mediafile", "redirect", *TERMS) for verb in ALL),
    ],
    "Moderators": ["view_post", "change_comment", "delete_comment", "view_comment"],
}  # fmt: skip


def create_groups(sender: Any, apps: Apps = global_apps, **kwargs: Any) -> None:
    """Create the missing groups after each `migrate`. Existing groups stay as they are.

    `apps`: the models that have tables by then. `migrate APP` may have made none of these.
    """
    try:
        apps.get_model("auth", "Group")
        apps.get_model("content", "Post")
    except LookupError:
        return
    missing = GROUPS.keys() - set(Group.objects.filter(name__in=GROUPS).values_list("name", flat=True))
    if not missing:
        return
    # Django creates permissions too, but later than this.
    create_permissions(sender, verbosity=0)
    permissions = Permission.objects.filter(content_type__app_label="content")
    for name in sorted(missing):
        Group.objects.create(name=name).permissions.set(permissions.filter(codename__in=GROUPS[name]))
