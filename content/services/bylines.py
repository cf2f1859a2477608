"""Which author an account writes as."""

from typing import Any

from django.db.models import Q

from content.models import Author
from content.rendering import slugify


def author_of(user: Any) -> Author:
    """The author of the account's full name, made where there is none.

    An account without a name writes by its username; of an email address only the part before the @ is shown.
    """
    name = " ".join(user.get_full_name().split()) or user.get_username().partition("@")[0]
    name = name[:200]
    slug = slugify(name, fallback="author")
    known = Author.objects.filter(Q(name__iexact=name) | Q(slug=slug)).order_by("pk").first()
    return known or Author.objects.get_or_create(slug=slug, defaults={"name": name})[0]
