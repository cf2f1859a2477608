"""The form of comments, its token, and its page. The page is one reader's, so no cache stores it."""

import re
import time
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from content import resources
from content.cache_headers import forbid_storing
from content.caching import NotThere
from content.documents import CommentDocument, PostDocument, SiteDocument
from content.limits import Limit, Rate, Verdict, client_network
from content.models.comment import LONGEST_COMMENT
from content.rendering import count_links
from content.services import comments
from content.services.comments import AlreadySaid, CommentsClosed, NoSuchPost
from content.views.errors import not_found_page

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


NUMBER = re.compile(r"[1-9][0-9]{0,17}")
CLOSED = "Comments are closed here."
DUPLICATE = "The same comment came from you before. There is no need to send it again."


@require_http_methods(["GET", "HEAD", "POST"])
async def comment(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        post = await resources.post.get("post", slug)
    except NotThere:
        return private(await not_found_page(request))
    comment_request = CommentRequest(request, post, await resources.site.get())
    respond = comment_request.post if request.method == "POST" else comment_request.get
    return private(await respond())


def private(response: HttpResponse) -> HttpResponse:
    """Let no cache store it and no search engine list it. It passes the edge, which needs no header."""
    del response["Evergreen-Cache-Control"]
    response["X-Robots-Tag"] = "noindex"
    return forbid_storing(response)


class CommentRequest:
    """One GET or POST of the form of a post."""

    def __init__(self, request: HttpRequest, document: PostDocument, site: SiteDocument) -> None:
        self.request = request
        self.document = document
        self.site = site
        self.path = f"{document.url}comment/"

    async def get(self) -> HttpResponse:
        if "sent" in self.request.GET:
            return await self.page(sent=True)
        if not (self.document.comments_open and self.site.comments_open):
            return await self.page(closed=CLOSED, status=403)
        return await self.page(form=self.form())

    async def post(self) -> HttpResponse:
        """Show mistakes beside the text. Only a comment that may be stored reaches the database."""
        form = self.form(self.request.POST)
        if not form.is_valid():
            return await self.page(form=form, status=422)
        verdict = await comment_limit().take(client_network(self.request.META.get("REMOTE_ADDR", "")))
        if not verdict.allowed:
            return await self.too_many(form, verdict)
        try:
            await sync_to_async(submit)(self.document.id, **self.fields(form))
        except NoSuchPost:
            return await not_found_page(self.request)
        except CommentsClosed:
            return await self.refuse(form, CLOSED, 403)
        except AlreadySaid:
            return await self.refuse(form, DUPLICATE, 409)
        return HttpResponseRedirect(f"{self.path}?sent", status=303)

    def form(self, data: Any = None) -> CommentForm:
        return CommentForm(data, post=self.document.id, now=time.time(), least_seconds=settings.COMMENT_SECONDS)

    def fields(self, form: CommentForm) -> dict[str, Any]:
        return {
            "author_name": form.cleaned_data["name"],
            "author_email": form.cleaned_data["email"],
            "body": form.cleaned_data["text"],
            "reply_to": self.reply_to,
            "is_spam": form.is_spam(settings.COMMENT_LINKS),
        }

    @property
    def reply_to(self) -> int | None:
        number = self.request.POST.get("reply_to") or self.request.GET.get("reply_to", "")
        return int(number) if NUMBER.fullmatch(number) else None

    async def refuse(self, form: CommentForm, reason: str, status: int) -> HttpResponse:
        form.add_error(None, reason)
        return await self.page(form=form, status=status)

    async def too_many(self, form: CommentForm, verdict: Verdict) -> HttpResponse:
        reason = f"Many comments came from your address. Please send this one again in {in_words(verdict)}."
        response = await self.refuse(form, reason, 429)
        response["Retry-After"] = str(verdict.whole_seconds)
        return response

    async def page(self, *, status: int = 200, **context: Any) -> HttpResponse:
        page = {"site": self.site, "post": self.document, "path": self.path}
        reply = {"parent": await self.parent(), "is_reply": self.reply_to is not None}
        return render(self.request, "content/comment.html", page | reply | context, status=status)

    async def parent(self) -> CommentDocument | None:
        """The comment that is replied to, if readers see it."""
        if self.reply_to is None:
            return None
        return (await resources.comments.get(self.document.id)).comment(self.reply_to)


def submit(post: int, **fields: Any) -> None:
    """Close the connection: the thread ends with the request, and the garbage collector would find it open."""
    try:
        comments.submit(post, **fields)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def comment_limit() -> Limit:
    return Limit(
        "comments",
        Rate(settings.COMMENTS_A_MINUTE, timedelta(minutes=1)),
        Rate(settings.COMMENTS_AN_HOUR, timedelta(hours=1)),
    )


def in_words(verdict: Verdict) -> str:
    seconds = verdict.whole_seconds
    number, unit = (seconds, "second") if seconds < 100 else (-(-seconds // 60), "minute")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
