"""How an endpoint is declared: a function, its path, and the struct that it answers with."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from content.api.errors import told
from content.api.headers import dated
from content.api.openapi import completed
from content.api.problems import refused
from content.api.shaping import ROOT

Answering = TypeVar("Answering", bound=Callable[..., Awaitable[Any]])

encode = msgspec.json.Encoder().encode


class Api(NinjaAPI):
    """django-ninja reads the parameters; answers are structs of ours, and their schemas come from these."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, openapi_url=None, docs_url=None)
        self.answers: dict[str, Any] = {}

    def set_default_exception_handlers(self) -> None:
        self.add_exception_handler(Exception, told)

    def endpoint(
        self, path: str, answers: Any, *, about: str, kept_with: tuple[str, ...] = ()
    ) -> Callable[[Answering], Answering]:
        """Declare a function as the one that answers GET (and so HEAD) at that path.

        answers    the type of what it returns
        about      its heading in the document
        kept_with  parameters of which there are few values in all: an answer is kept at the edge if it was asked for
                   with one of them, or with none. All others are made anew from what is cached, so that nobody can
                   fill the edge with questions.
        """

        def declare(view: Answering) -> Answering:
            known = tuple(inspect.signature(view).parameters)[1:]

            @functools.wraps(view)
            async def answer(request: HttpRequest, **parameters: Any) -> HttpResponse:
                check_names(request, known)
                body = encode(await view(request, **parameters))
                response = HttpResponse(body, content_type="application/json")
                return dated(response, kept=is_one_of_few(request, kept_with))

            self.answers[view.__name__] = answers
            self.get(path, operation_id=view.__name__, tags=[about], **words_of(view))(answer)
            return view

        return declare

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return completed(self.get_openapi_schema(path_prefix=ROOT.lstrip("/")), self.answers)


def words_of(view: Callable[..., Any]) -> dict[str, Any]:
    """The first line of its docstring, and the rest."""
    summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
    return {"summary": summary.rstrip("."), "description": description}


def check_names(request: HttpRequest, known: tuple[str, ...]) -> None:
    """Refuse what would be ignored: whoever mistypes a filter must not get everything."""
    in_path = request.resolver_match.kwargs if request.resolver_match else {}
    in_query = [name for name in known if name not in in_path]
    for name, values in request.GET.lists():
        if name not in in_query:
            what = f"known are {', '.join(in_query)}" if in_query else "there are none here"
            raise refused(name[:100], f"no such parameter: {what}")
        if len(values) > 1:
            raise refused(name, "given more than once")


def is_one_of_few(request: HttpRequest, kept_with: tuple[str, ...]) -> bool:
    return not request.GET or (len(request.GET) == 1 and set(request.GET) <= set(kept_with))
