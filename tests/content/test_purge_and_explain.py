"""The commands, on the site's own resources."""

import json

import pytest
import redis as redis_library
from django.core.cache import caches
from django.core.management import CommandError, call_command

from content.caching.entry import Entry, Header, Stamp, pack
from content.management.commands.purge_cache import chosen
from content.management.stored_tags import unused_tags
from project.caches import cache_settings


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ({"tags": ["post:1", "posts"]}, ["post:1", "posts"]),
        ({"urls": ["/posts/a/", "https://site/b?c=d"]}, ["path:/posts/a/", "path:/b?c=d"]),
        ({"names": ["post", "page"]}, ["resource:post", "resource:page"]),
    ],
)
def test_what_is_purged(options, tags):
    assert chosen(**({"tags": None, "urls": None, "names": None, "everything": False} | options)) == tags


def test_everything_is_every_resource_and_every_page():
    tags = chosen(None, None, None, everything=True)
    assert {"resource:page", "resource:post", "resource:listing", "resource:site"} <= set(tags)


@pytest.mark.parametrize(
    ("options", "said"), [({"urls": ["nonsense"]}, "neither a path"), ({"names": ["x"]}, "There is no resource x")]
)
def test_what_is_not_understood_is_refused(options, said):
    with pytest.raises(CommandError, match=said):
        chosen(**({"tags": None, "urls": None, "names": None, "everything": False} | options))


def test_the_commands_say_what_they_did(capsys):
    call_command("purge_cache", "--resource", "post", "--soft", "--json")
    assert json.loads(capsys.readouterr().out) == {"tags": ["resource:post"], "soft": True}
    call_command("purge_cache", "--tag", "posts")
    assert capsys.readouterr().out == "What depends on posts is not served again, in all processes.\n"
    call_command("cache_explain", "post@2:post,nothing", "--json")
    assert json.loads(capsys.readouterr().out)["why"] == "nothing is stored under this key"
    call_command("cache_explain", "http://site/")
    assert "nothing is stored under this key" in capsys.readouterr().out


def test_a_path_alone_is_asked_for_its_host():
    with pytest.raises(CommandError, match=r"say its whole URL, as http://127\.0\.0\.1:8000/posts/first/"):
        call_command("cache_explain", "/posts/first/")


@pytest.mark.parametrize("tag", ["", "x" * 501, "\udc80"])
def test_a_tag_that_names_nothing_is_refused(tag):
    with pytest.raises(CommandError, match=r"Nothing was purged\. .*tag"):
        call_command("purge_cache", "--tag", tag)


def test_a_tag_that_nothing_has_is_named(capsys, settings, fresh_redis):
    settings.CACHES = {"default": cache_settings(fresh_redis, fresh_redis, 1024 * 1024, {})}
    header = Header(1.0, 2.0, 2.0, 2.0, True, 0.0, ("post:1", "posts"), Stamp("epoch"))
    with redis_library.Redis.from_url(fresh_redis) as client:
        client.set(caches["default"].make_key("post@1:post,first"), pack(Entry(header, b"value")))
        client.lpush(caches["default"].make_key("alien"), "no entry")
    call_command("purge_cache", "--tag", "post:1", "--tag", "psot:1")
    assert capsys.readouterr().err.startswith("Nothing that is stored has the tag psot:1. Check its spelling")
    call_command("purge_cache", "--tag", "posts")
    assert capsys.readouterr().err == ""


def test_where_that_cannot_be_known_nothing_is_said(settings):
    assert unused_tags(["post:1"]) is None
    settings.CACHES = {"default": cache_settings("redis://127.0.0.1:1/0", "", 1024 * 1024, {})}
    assert unused_tags(["post:1"]) is None
