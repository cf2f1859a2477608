from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from content.images import BadImage
from content.models import MediaFile
from content.models.media import cleaned_file

LARGEST_UPLOAD = 50 * 1024 * 1024


class MediaRowForm(forms.ModelForm):
    """The fields of a row that the list can change. A row that nobody touched is not saved, whatever it shows."""

    # The form sends the shown value back beside the typed one.
    alt_text = forms.CharField(
        required=False,
        max_length=500,
        show_hidden_initial=True,
        widget=forms.TextInput(attrs={"aria-label": "What it shows", "class": "vTextField"}),
    )

    class Meta:
        model = MediaFile
        fields = ["alt_text"]

    def clean_alt_text(self) -> str:
        """Two people may describe an image at the same time: the second decides, and has read the first."""
        mine: str = self.cleaned_data["alt_text"]
        theirs, shown = self.initial["alt_text"], self["alt_text"].html_initial_name
        if "alt_text" in self.changed_data and theirs not in (self.data.get(shown, ""), mine):
            data: Any = self.data
            self.data = data = data.copy()
            data[shown] = theirs
            raise forms.ValidationError(f"Somebody wrote “{theirs}” meanwhile. Save again to put yours in its place.")
        return mine


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
