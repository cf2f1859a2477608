"""Whole addresses: of the request, or of the site's own base."""

import pytest
from django.core.exceptions import DisallowedHost
from django.test import RequestFactory

from content.absolute_urls import absolute_url


@pytest.fixture
def request_of():
    def made(host: str = "testserver", **more):
        return RequestFactory(headers={"host": host}).get("/posts/one/?page=2", **more)

    return made


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/", "http://testserver/"),
        ("/posts/one/", "http://testserver/posts/one/"),
        ("/posts/größe/", "http://testserver/posts/gr%C3%B6%C3%9Fe/"),
        ("/tags/moss/?page=2", "http://testserver/tags/moss/?page=2"),
        ("https://elsewhere.example/a", "https://elsewhere.example/a"),
    ],
)
def test_an_address_begins_with_the_requests_scheme_and_host(request_of, path, address):
    assert absolute_url(request_of(), path) == address


def test_the_scheme_and_the_port_are_the_requests(request_of):
    assert absolute_url(request_of("localhost:8443", secure=True), "/a/") == "https://localhost:8443/a/"


def test_a_base_that_is_set_is_taken_whatever_the_request_says(request_of, settings):
    settings.BASE_URL = "https://example.org"
    assert absolute_url(request_of("localhost"), "/a/") == "https://example.org/a/"


def test_a_host_that_is_not_ours_is_refused(request_of):
    with pytest.raises(DisallowedHost):
        absolute_url(request_of("evil.example"), "/a/")
