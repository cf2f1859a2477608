"""The benchmark measures the same site with and without our cache."""

from django.urls import resolve


def test_the_site_behind_cache_page_has_our_pages(settings):
    ours = {
        path: (resolve(path).url_name, resolve(path).kwargs)
        for path in ("/", "/posts/a/", "/tags/a/", "/archive/2026/", "/feed.xml")
    }
    settings.ROOT_URLCONF = "tests.benchmarks.site.cache_page_urls"
    theirs = {path: resolve(path) for path in ours}
    assert {path: (match.url_name, match.kwargs) for path, match in theirs.items()} == ours
    assert all(match.func.__name__ == "add_status" for match in theirs.values())
    assert resolve("/api/v1/posts").func.__name__ != "add_status"
