"""The forms of the dashboard: what to warm, and what to purge. `read_choice` and `read_selection` check the names."""

from typing import Any

from django import forms
from django.urls import reverse

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
    """The targets of an order: a kind, and names of that kind. `name`: of its fields' ids; `ops-NAME` is its view."""

    name = button = examples = ""
    kinds: tuple[tuple[str, str], ...] = ()

    kind = forms.ChoiceField(label="What")
    text = forms.CharField(label="Which", max_length=LONGEST_TEXT, required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["kind"].choices = self.kinds  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["text"].help_text = f"{self.examples}; several with spaces between."

    @property
    def action(self) -> str:
        return reverse(f"ops-{self.name}")

    @property
    def title(self) -> str:
        return self.name.capitalize()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("text") and cleaned.get("kind") not in (None, POPULAR, STALE, EVERYTHING):
            self.add_error("text", "Write which. Several are separated by spaces.")
        return cleaned

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.cleaned_data["text"].split()))


class WarmForm(OrderForm):
    name, button, kinds = "warm", "Start a run", WARM_KINDS
    examples = "/posts/first/ or category:7 or post"

    def choice(self) -> Choice:
        kind = self.cleaned_data["kind"]
        if kind == POPULAR:
            text = self.cleaned_data["text"]
            return Choice(top=int(text)) if text.isdecimal() and len(text) <= len(str(MOST_TOP)) else Choice()
        return read_choice({kind: True if kind in (STALE, EVERYTHING) else self.words})


class PurgeForm(OrderForm):
    """`confirmed`: the operator has seen what the purge touches."""

    name, button, kinds = "purge", "See what it touches", PURGE_KINDS
    examples = "post:42 or /posts/first/ or category:news"

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
