from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

ONLY_ROW = 1


def check_menu(menu: Any) -> None:
    """A list of {"label": text, "url": a path or an http(s) URL}."""
    if not isinstance(menu, list):
        raise ValidationError("The menu is a list of entries.")
    for entry in menu:
        if not isinstance(entry, dict) or set(entry) != {"label", "url"}:
            raise ValidationError('Each menu entry has "label" and "url", and nothing else.')
        if not str(entry["url"]).startswith(("/", "https://", "http://")):
            raise ValidationError(f"{entry['url']!r} is neither a path nor an http(s) URL.")


class SiteConfig(models.Model):
    """The configuration of the site: one row, with the primary key 1."""

    title = models.CharField(max_length=200, default="Evergreen")
    tagline = models.CharField(max_length=300, blank=True)
    menu = models.JSONField(default=list, blank=True, validators=[check_menu])
    posts_per_page = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    language = models.CharField(max_length=35, default="en")
    comments_open = models.BooleanField(default=True, help_text="Off: nobody can comment, anywhere.")

    class Meta:
        verbose_name = verbose_name_plural = "site configuration"
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=ONLY_ROW), name="site_config_is_one_row"),
            models.CheckConstraint(
                condition=models.Q(posts_per_page__range=(1, 100)), name="site_config_posts_per_page_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = ONLY_ROW
        super().save(*args, **kwargs)
