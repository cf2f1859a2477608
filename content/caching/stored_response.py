"""A response of Django as plain data, for a cache that has no pickle."""

from typing import Any

from django import http
from django.http.cookie import SimpleCookie
from django.template.response import ContentNotRenderedError, SimpleTemplateResponse, TemplateResponse

# The classes by the name under which they are stored. Responses of other classes are stored as the nearest of their
# bases.
_CLASSES: dict[str, type[http.HttpResponse]] = {
    cls.__name__: cls
    for cls in (
        http.HttpResponse,
        http.JsonResponse,
        http.HttpResponseRedirect,
        http.HttpResponsePermanentRedirect,
        http.HttpResponseNotModified,
        http.HttpResponseBadRequest,
        http.HttpResponseForbidden,
        http.HttpResponseNotFound,
        http.HttpResponseNotAllowed,
        http.HttpResponseGone,
        http.HttpResponseServerError,
        SimpleTemplateResponse,
        TemplateResponse,
    )
}

_CONTENT_TYPE = "Content-Type"

# Class, status, reason phrase, charset, header fields, cookies, content.
PlainResponse = tuple[
    str,
    int,
    str | None,
    str | None,
    list[tuple[str, str]],
    list[tuple[str, str, str, dict[str, str | int | bool]]],
    bytes,
]


def to_plain(response: http.HttpResponse) -> PlainResponse:
    """Status, header fields, cookies and content. Raises TypeError for a response that is not rendered."""
    name = next(cls.__name__ for cls in type(response).__mro__ if _CLASSES.get(cls.__name__) is cls)
    try:
        content = response.content
    except ContentNotRenderedError as error:
        raise TypeError("A response is cached after it is rendered. Call its render() first.") from error
    return (
        name,
        response.status_code,
        response._reason_phrase,  # type: ignore[attr-defined]
        response._charset,  # type: ignore[attr-defined]
        [(str(field), str(value)) for field, value in response.headers.items()],
        [
            (
                str(key),
                str(morsel.value),
                str(morsel.coded_value),
                {name: value for name, value in morsel.items() if value != ""},
            )
            for key, morsel in response.cookies.items()
        ],
        content,
    )


def to_response(plain: PlainResponse) -> http.HttpResponse:
    """The inverse of `to_plain`. Raises KeyError, ValueError and others for data that is no response."""
    name, status, reason, charset, fields, cookies, content = plain
    cls = _CLASSES[name]
    response = cls.__new__(cls)
    # The classes' own __init__ take a template, a URL or data to render.
    http.HttpResponse.__init__(response, content, status=status, reason=reason, charset=charset, headers=dict(fields))
    if not any(field.lower() == "content-type" for field, _ in fields):
        del response.headers[_CONTENT_TYPE]
    response.cookies = SimpleCookie()
    for key, value, coded_value, attributes in cookies:
        _set_cookie(response.cookies, key, value, coded_value, attributes)
    return response


def _set_cookie(cookies: SimpleCookie, key: str, value: str, coded_value: str, attributes: dict[str, Any]) -> None:
    cookies[key] = value
    cookies[key].set(key, value, coded_value)
    for name, attribute in attributes.items():
        cookies[key][name] = attribute
