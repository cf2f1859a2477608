"""The form of a post: what belongs together is checked together, and what is wrong is said in plain words."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format

from content.admin.paths import is_of_the_site
from content.admin.widgets import BodyEditor, CoverPicker
from content.models import MediaFile, Post
from content.rendering import slugify

Status = Post.Status


class PostForm(forms.ModelForm):
    body = forms.CharField(required=False, widget=BodyEditor, strip=False)
    cover = forms.ModelChoiceField(MediaFile.objects.all(), required=False, widget=CoverPicker)

    class Meta:
        model = Post
        fields = [
            "title", "slug", "body", "status", "published_at", "password", "comments_open", "excerpt", "category",
            "tags", "cover", "cover_alt", "kind", "language",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = "The last part of its address; left empty, it is made of the title."
        if "published_at" in self.fields:
            now, zone = date_format(timezone.localtime(), "H:i"), timezone.get_current_timezone_name()
            for part, name in zip(self.fields["published_at"].widget.widgets, ("Date", "Time"), strict=True):
                part.attrs["aria-label"] = f"{name} of publication"
            self.fields["published_at"].help_text = f"In {zone}, where it is {now}. Empty: when it is saved."

    def clean_slug(self) -> str:
        return self.cleaned_data["slug"] or slugify(self.cleaned_data.get("title", ""))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.keep_time()
        self.check_path()
        self.check_time()
        return cleaned

    def keep_time(self) -> None:
        """A form shows whole seconds. A time that nobody touched stays what it was to the microsecond: else the first
        edit of any word would move the post in its lists, and end them all."""
        if "published_at" in self.cleaned_data and "published_at" not in self.changed_data:
            self.cleaned_data["published_at"] = self.instance.published_at

    def check_path(self) -> None:
        slug, kind = self.cleaned_data.get("slug"), self.cleaned_data.get("kind")
        if slug and kind == Post.Kind.PAGE and is_of_the_site(slug):
            self.add_error("slug", f"A page cannot be at /{slug}/: the site itself needs that path.")

    def check_time(self) -> None:
        """Status and time say the same: what is scheduled has a time to come, what is published has none."""
        status, time = self.cleaned_data.get("status"), self.cleaned_data.get("published_at")
        if "published_at" in self.errors:
            return
        if status == Status.PUBLISHED and time is None:
            self.cleaned_data["published_at"] = timezone.now()
        to_come = time is not None and time > timezone.now()
        if status == Status.PUBLISHED and to_come:
            self.add_error(
                "published_at",
                "This time is still to come. Choose “Scheduled” to publish it then, or clear it to publish now.",
            )
        if status == Status.SCHEDULED and time is None:
            self.add_error("published_at", "When shall it be published? A scheduled post needs a time to come.")
        elif status == Status.SCHEDULED and not to_come:
            self.scheduled_in_the_past()

    def scheduled_in_the_past(self) -> None:
        """Its time came while nobody edited it: it is published. A time that was typed just now is a mistake."""
        if {"status", "published_at"} & set(self.changed_data):
            self.add_error(
                "published_at", "This time has passed. Choose “Published”, or a time to come to schedule it."
            )
        else:
            self.cleaned_data["status"] = Status.PUBLISHED

    def notices(self) -> Iterator[str]:
        """What is no error, and yet worth a word."""
        post = self.instance
        if post.cover and not (post.cover_alt or post.cover.alt_text):
            yield "The cover has no description: say what it shows, for those who cannot see it."
        if post.password and post.status != Status.DRAFT:
            yield "The post has a password, so no reader sees it."
