"""The form of comments: somebody's own, so it has a page for itself, which no cache keeps."""

import re
import time
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from content import resources
from content.caching import NotThere
from content.documents import CommentDocument, PostDocument, SiteDocument
from content.limits import Limit, Rate, Verdict, client_network
from content.services import comments
from content.services.comments import AlreadySaid, CommentsClosed, NoSuchPost
from content.views.comment_form import CommentForm
from content.views.errors import not_found_page

NUMBER = re.compile(r"[1-9][0-9]{0,17}")
CLOSED = "Comments are closed here."
SAID = "The same comment came from you before. There is no need to send it again."


@require_http_methods(["GET", "HEAD", "POST"])
async def comment(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        post = await resources.post.get("post", slug)
    except NotThere:
        return private(await not_found_page(request))
    exchange = Exchange(request, post, await resources.site.get())
    return private(await (exchange.sent() if request.method == "POST" else exchange.asked()))


def private(response: HttpResponse) -> HttpResponse:
    """No cache keeps it, no search engine lists it. It goes past the edge, so nothing is said to that."""
    del response["Evergreen-Cache-Control"]
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response


class Exchange:
    """One request for the form of a post, or with it."""

    def __init__(self, request: HttpRequest, post: PostDocument, site: SiteDocument) -> None:
        self.request = request
        self.post = post
        self.site = site
        self.path = f"{post.url}comment/"

    async def asked(self) -> HttpResponse:
        if "sent" in self.request.GET:
            return await self.page(sent=True)
        if not (self.post.comments_open and self.site.comments_open):
            return await self.page(closed=CLOSED, status=403)
        return await self.page(form=self.form())

    async def sent(self) -> HttpResponse:
        """What is wrong is told beside what was typed. The database is asked only for what may be stored."""
        form = self.form(self.request.POST)
        if not form.is_valid():
            return await self.page(form=form, status=422)
        verdict = await limit().take(client_network(self.request.META.get("REMOTE_ADDR", "")))
        if not verdict.allowed:
            return await self.refused_for_now(form, verdict)
        try:
            await sync_to_async(submit)(self.post.id, **self.words(form))
        except NoSuchPost:
            return await not_found_page(self.request)
        except CommentsClosed:
            return await self.refused(form, CLOSED, 403)
        except AlreadySaid:
            return await self.refused(form, SAID, 409)
        return HttpResponseRedirect(f"{self.path}?sent", status=303)

    def form(self, data: Any = None) -> CommentForm:
        return CommentForm(data, post=self.post.id, now=time.time(), least_seconds=settings.COMMENT_SECONDS)

    def words(self, form: CommentForm) -> dict[str, Any]:
        return {
            "author_name": form.cleaned_data["name"],
            "author_email": form.cleaned_data["email"],
            "body": form.cleaned_data["text"],
            "reply_to": self.reply_to,
            "is_spam": form.is_spam(settings.COMMENT_LINKS),
        }

    @property
    def reply_to(self) -> int | None:
        asked = self.request.POST.get("reply_to") or self.request.GET.get("reply_to", "")
        return int(asked) if NUMBER.fullmatch(asked) else None

    async def refused(self, form: CommentForm, reason: str, status: int) -> HttpResponse:
        form.add_error(None, reason)
        return await self.page(form=form, status=status)

    async def refused_for_now(self, form: CommentForm, verdict: Verdict) -> HttpResponse:
        reason = f"Many comments came from your address. Please send this one again in {in_words(verdict)}."
        response = await self.refused(form, reason, 429)
        response["Retry-After"] = str(verdict.whole_seconds)
        return response

    async def page(self, *, status: int = 200, **context: Any) -> HttpResponse:
        dress = {"site": self.site, "post": self.post, "path": self.path}
        replied = {"parent": await self.parent(), "is_reply": self.reply_to is not None}
        return render(self.request, "content/comment.html", dress | replied | context, status=status)

    async def parent(self) -> CommentDocument | None:
        """What is replied to, if readers see it."""
        if self.reply_to is None:
            return None
        return (await resources.comments.get(self.post.id)).comment(self.reply_to)


def submit(post: int, **words: Any) -> None:
    """Its thread ends with the request, and would leave the connection to the garbage collector."""
    try:
        comments.submit(post, **words)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def limit() -> Limit:
    return Limit(
        "comments",
        Rate(settings.COMMENTS_A_MINUTE, timedelta(minutes=1)),
        Rate(settings.COMMENTS_AN_HOUR, timedelta(hours=1)),
    )


def in_words(verdict: Verdict) -> str:
    seconds = verdict.whole_seconds
    number, unit = (seconds, "second") if seconds < 100 else (-(-seconds // 60), "minute")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
