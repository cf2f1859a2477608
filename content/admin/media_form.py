from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from content.images import BadImage
from content.models import MediaFile
from content.models.media import cleaned_file

LARGEST_UPLOAD = 50 * 1024 * 1024


class MediaRowForm(forms.ModelForm):
    """What a row of the list lets one change."""

    class Meta:
        model = MediaFile
        fields = ["alt_text"]
        widgets = {"alt_text": forms.TextInput(attrs={"aria-label": "What it shows", "class": "vTextField"})}


class MediaFileForm(forms.ModelForm):
    """Cleans an image, measures a file that replaces another one, and refuses what is here already."""

    class Meta:
        model = MediaFile
        fields = ["file", "alt_text"]
        help_texts = {"alt_text": "What the picture shows, for those who cannot see it."}

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if not isinstance(file, UploadedFile):
            return file
        if (file.size or 0) > LARGEST_UPLOAD:
            raise forms.ValidationError(f"A file has {LARGEST_UPLOAD // 1024**2} MB at most.")
        try:
            return cleaned_file(file)[1]
        except BadImage as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        """A new file is measured here: the database takes the same bytes once."""
        cleaned = super().clean() or self.cleaned_data
        if "file" in self.changed_data and cleaned.get("file"):
            self.instance.file = cleaned["file"]
            self.instance.measure()
            self.check_new()
        return cleaned

    def check_new(self) -> None:
        same = MediaFile.objects.exclude(pk=self.instance.pk).filter(sha256=self.instance.sha256).first()
        if same is not None:
            self.add_error("file", f"This file is here already, as {same}.")
