"""The form of comments, and its token."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer

from content.models.comment import LONGEST_COMMENT
from content.rendering import count_links

TOO_QUICK = "That was very quick. If a person is writing, please send it once more."
TOO_OLD = "This form has been open for very long. Please send it once more."

# Seconds.
TOKEN_LIFETIME = 24 * 60 * 60
signer = Signer(salt="content.comments")

# Zero-width joiners, which some scripts need in names.
JOINERS = "\u200c\u200d"


class CommentForm(forms.Form):
    """The fields of a comment. `website` is a trap for programs: people do not see it."""

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
        """`least_seconds`: a form that is sent sooner must be sent again."""
        super().__init__(data, auto_id="comment-%s", label_suffix="")
        self.post = post
        self.now = now
        self.least_seconds = least_seconds
        self.age = token_age(self.data.get("token", ""), post, now)

    @property
    def token(self) -> str:
        """The token that was sent, while it is valid, so that a second try is not too quick again; else a new one."""
        return self.data["token"] if self.age is not None else sign_token(self.post, self.now)

    def clean_name(self) -> str:
        name = " ".join("".join(c if is_written(c) else " " for c in self.cleaned_data["name"]).split())
        if not name:
            raise ValidationError("This field is required.")
        return name

    def clean_text(self) -> str:
        """Browsers end lines with two characters, and count one."""
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


def is_written(character: str) -> bool:
    """False for control and formatting characters, which could reverse the text beside a name."""
    return character.isprintable() or character in JOINERS


def sign_token(post: int, now: float) -> str:
    """Sign the time at which a form was rendered, so that the server stores nothing about it."""
    return signer.sign(f"{post}:{int(now)}")


def token_age(token: str, post: int, now: float) -> float | None:
    """Seconds since the form was rendered; None if the token is forged, another post's, or too old."""
    try:
        of_post, _, rendered_at = signer.unsign(token).partition(":")
    except BadSignature:
        return None
    age = now - int(rendered_at)
    return age if of_post == str(post) and 0 <= age <= TOKEN_LIFETIME else None
