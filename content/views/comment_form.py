from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from content.models.comment import LONGEST_COMMENT
from content.rendering import count_links
from content.views.stamps import age, stamp

TOO_QUICK = "That was very quick. If a person is writing, please send it once more."
TOO_OLD = "This form has been open for very long. Please send it once more."


class CommentForm(forms.Form):
    """What a reader types. `website` is for programs that fill in all they find: people do not see it."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="Mail address",
        required=False,
        max_length=254,
        help_text="For the moderators alone, never shown.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    text = forms.CharField(
        label="Comment",
        help_text="Plain text. Addresses that begin with http become links.",
        widget=forms.Textarea(attrs={"rows": 7, "maxlength": LONGEST_COMMENT}),
    )
    website = forms.CharField(
        label="Leave this empty",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )

    def __init__(self, data: Any = None, *, post: int, now: float, least_seconds: float) -> None:
        """`least_seconds`: who is faster is asked to send it again."""
        super().__init__(data, auto_id="comment-%s", label_suffix="")
        self.post = post
        self.now = now
        self.least_seconds = least_seconds
        self.age = age(self.data.get("stamp", ""), post, now)

    @property
    def stamp(self) -> str:
        """The one it came with while that lasts: whoever was too quick is not so the second time."""
        return self.data["stamp"] if self.age is not None else stamp(self.post, self.now)

    def clean_name(self) -> str:
        name = " ".join("".join(c if c.isprintable() else " " for c in self.cleaned_data["name"]).split())
        if not name:
            raise ValidationError("This field is required.")
        return name

    def clean_text(self) -> str:
        """Browsers end lines in two characters, and count one."""
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if len(text) > LONGEST_COMMENT:
            raise ValidationError(f"A comment has up to {LONGEST_COMMENT:,} characters; this one has {len(text):,}.")
        return text

    def clean(self) -> None:
        if self.age is None:
            raise ValidationError(TOO_OLD)
        if self.age < self.least_seconds:
            raise ValidationError(TOO_QUICK)

    def is_spam(self, most_links: int) -> bool:
        return bool(self.cleaned_data["website"]) or count_links(self.cleaned_data["text"]) > most_links
