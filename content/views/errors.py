"""Errors in the site's dress."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from content import resources
from content.views.page import page


async def not_found_page(request: HttpRequest) -> HttpResponse:
    return await page(request, "404.html", site=await resources.site.get(), status=404)


# What Django calls when no view of ours has answered: synchronous, and without a look at cache or database,
# one of which may be what failed.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return plain_error(request, 500)


def plain_error(request: HttpRequest, status: int) -> HttpResponse:
    response = render(request, f"{status}.html", status=status)
    response["Cache-Control"] = "no-store"
    return response
