"""Who may do what in the admin: three groups, made once; what an operator changes in them stays."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

ALL = ("add", "change", "delete", "view")
TERMS = ("author", "category", "tag")

GROUPS = {
    # Writes drafts; what is public, or will be, is for those who may publish.
    "Authors": [
        "add_post", "change_post", "view_post", "add_mediafile", "view_mediafile",
        *(f"view_{term}" for term in TERMS), "add_tag",
        "add_authorship", "change_authorship", "delete_authorship", "view_authorship",
    ],
    "Editors": [
        "publish_post", "view_siteconfig",
        *(f"{verb}_{name}" for name in ("post", "authorship", "mediafile", "redirect", *TERMS) for verb in ALL),
    ],
    "Moderators": ["view_post", "change_comment", "delete_comment", "view_comment"],
}  # fmt: skip


def make_groups(sender: Any, **kwargs: Any) -> None:
    """After each migration; a group that is there already is left as it is."""
    missing = GROUPS.keys() - set(Group.objects.filter(name__in=GROUPS).values_list("name", flat=True))
    if not missing:
        return
    # Django makes them after this too, but by then we have come and gone.
    create_permissions(sender, verbosity=0)
    ours = Permission.objects.filter(content_type__app_label="content")
    for name in sorted(missing):
        Group.objects.create(name=name).permissions.set(ours.filter(codename__in=GROUPS[name]))
