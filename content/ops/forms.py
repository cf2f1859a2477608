"""The forms of the dashboard: what to warm, and what to purge. Wrong names are refused by what reads them."""

from typing import Any

from django import forms

from content.purging import Selection, read_selection
from content.warming.choice import MOST_TOP, Choice, read_choice

LONGEST_TEXT = 20_000
# Kinds that need no name.
POPULAR, STALE, EVERYTHING = "popular", "stale", "everything"

WARM_KINDS = (
    ("urls", "pages, by address"),
    ("tags", "what has a tag"),
    ("names", "a resource"),
    ("patterns", "what matches a pattern"),
    (POPULAR, "the popular"),
    (STALE, "what is stale"),
    (EVERYTHING, "everything"),
)
PURGE_KINDS = (
    ("tags", "what has a tag"),
    ("urls", "pages, by address"),
    ("names", "a resource"),
    ("patterns", "what matches a pattern"),
    ("groups", "a group"),
    (EVERYTHING, "everything"),
)


class OrderForm(forms.Form):
    kind = forms.ChoiceField(label="What")
    text = forms.CharField(label="Which", max_length=LONGEST_TEXT, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("text") and cleaned.get("kind") not in (None, POPULAR, STALE, EVERYTHING):
            self.add_error("text", "Write which. Several are separated by spaces.")
        return cleaned

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.cleaned_data["text"].split()))


class WarmForm(OrderForm):
    kind = forms.ChoiceField(label="What", choices=WARM_KINDS)
    text = forms.CharField(
        label="Which",
        max_length=LONGEST_TEXT,
        required=False,
        help_text="/posts/first/ or category:7 or post; several with spaces between.",
    )

    def choice(self) -> Choice:
        kind = self.cleaned_data["kind"]
        if kind == POPULAR:
            text = self.cleaned_data["text"]
            return Choice(top=int(text)) if text.isdecimal() and len(text) <= len(str(MOST_TOP)) else Choice()
        return read_choice({kind: True if kind in (STALE, EVERYTHING) else self.words})


class PurgeForm(OrderForm):
    """`confirmed`: the second form, after it was said what the purge touches."""

    kind = forms.ChoiceField(label="What", choices=PURGE_KINDS)
    text = forms.CharField(
        label="Which",
        max_length=LONGEST_TEXT,
        required=False,
        help_text="post:42 or /posts/first/ or category:news; several with spaces between.",
    )
    how = forms.ChoiceField(
        label="How",
        choices=(("soft", "soft: serve it as stale while it is made again"), ("hard", "hard: serve it no more")),
        initial="soft",
        widget=forms.RadioSelect,
    )
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    @property
    def soft(self) -> bool:
        return bool(self.cleaned_data["how"] == "soft")

    def selection(self) -> Selection:
        kind = self.cleaned_data["kind"]
        return read_selection({kind: True if kind == EVERYTHING else self.words})
