"""The commands, on the site's own resources."""

import json

import pytest
import redis as redis_library
from django.core.cache import caches
from django.core.management import CommandError, call_command

from content import resources
from content.caching.entry import Entry, Header, Stamp, pack
from content.management.commands.purge_cache import find_unused_tags, tags_to_purge
from project.caches import cache_settings


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ({"tags": ["post:1", "posts"]}, ["post:1", "posts"]),
        ({"urls": ["/posts/a/", "https://site/b?c=d"]}, ["path:/posts/a/", "path:/b?c=d"]),
        ({"names": ["post", "page"]}, ["resource:post", "resource:page"]),
    ],
)
def test_each_option_names_tags(options, tags):
    assert tags_to_purge(**({"tags": None, "urls": None, "names": None, "everything": False} | options)) == tags


def test_all_names_every_resource_and_every_page():
    tags = tags_to_purge(None, None, None, everything=True)
    assert {"resource:page", "resource:post", "resource:listing", "resource:site"} <= set(tags)


@pytest.mark.parametrize(
    ("options", "message"), [({"urls": ["nonsense"]}, "neither a path"), ({"names": ["x"]}, "There is no resource x")]
)
def test_unknown_resources_and_addresses_are_refused(options, message):
    with pytest.raises(CommandError, match=message):
        tags_to_purge(**({"tags": None, "urls": None, "names": None, "everything": False} | options))


def test_the_commands_report_their_work(capsys, settings):
    call_command("purge_cache", "--resource", "post", "--soft", "--json")
    assert json.loads(capsys.readouterr().out) == {"tags": ["resource:post"], "soft": True}
    call_command("purge_cache", "--tag", "posts")
    assert (
        capsys.readouterr().out == "Entries and pages with the tags posts are not served again, in all processes.\n"
    )
    call_command("cache_explain", "post:post,nothing", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["is_of_this_release"]) == (resources.post.schema, True)
    assert report["why"] == "nothing is stored under this key"
    call_command("cache_explain", "post@abcdefgh:post,nothing")
    assert "schema abcdefgh, of another release, not read by this one" in capsys.readouterr().out
    call_command("cache_explain", "http://site/")
    shown = capsys.readouterr().out
    assert "nothing is stored under this key" in shown
    assert f"release {settings.CACHE_RELEASE}" in shown


def test_a_path_without_a_host_is_refused():
    with pytest.raises(CommandError, match=r"Give its whole URL: http://127\.0\.0\.1:8000/posts/first/"):
        call_command("cache_explain", "/posts/first/")


@pytest.mark.parametrize("tag", ["", "x" * 501, "\udc80"])
def test_an_invalid_tag_is_refused(tag):
    with pytest.raises(CommandError, match=r"Nothing was purged\. .*tag"):
        call_command("purge_cache", "--tag", tag)


def test_a_tag_without_entries_is_reported(capsys, settings, fresh_redis):
    settings.CACHES = {"default": cache_settings(fresh_redis, fresh_redis, 1024 * 1024, {})}
    header = Header(1.0, 2.0, 2.0, 2.0, True, 0.0, ("post:1", "posts"), Stamp("epoch"))
    with redis_library.Redis.from_url(fresh_redis) as client:
        client.set(caches["default"].make_key("post@1:post,first"), pack(Entry(header, b"value")))
        client.lpush(caches["default"].make_key("alien"), "no entry")
    call_command("purge_cache", "--tag", "post:1", "--tag", "psot:1")
    assert capsys.readouterr().err.startswith("No stored entry has the tag psot:1. Check its spelling")
    call_command("purge_cache", "--tag", "posts")
    assert capsys.readouterr().err == ""


def test_unused_tags_are_unknown_without_redis(settings):
    assert find_unused_tags(["post:1"]) is None
    settings.CACHES = {"default": cache_settings("redis://127.0.0.1:1/0", "", 1024 * 1024, {})}
    assert find_unused_tags(["post:1"]) is None
