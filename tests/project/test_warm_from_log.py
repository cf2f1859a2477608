"""warm_cache --from-log: the pages of an access log are warm, the most read first, and their reads are heat."""

import asyncio
import json
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from content.warming import heat, targets
from content.warming.targets import pages
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = "http://testserver"
LINE = '203.0.113.9 - - [29/Nov/2026:05:14:21 +0000] "GET {} HTTP/1.1" {} 5316 "-" "-"\n'


@pytest.fixture
def log(tmp_path, settings, fresh_redis):
    make_blog()
    settings.WARM_ORIGINS = [ORIGIN]
    settings.EDGE = True
    path = tmp_path / "access.log"
    reads = [("/posts/post-1/", 200)] * 3 + [("/", 200)] * 2 + [("/posts/post-2/?utm_source=a", 304), ("/none", 404)]
    path.write_text("".join(LINE.format(*each) for each in reads) + "nonsense\n")
    with use_cache(redis_cache(fresh_redis), time.time):
        yield path


def warm_cache(*arguments: str) -> tuple[str, str]:
    out, error = StringIO(), StringIO()
    call_command("warm_cache", *arguments, stdout=out, stderr=error)
    return out.getvalue(), error.getvalue()


async def fresh_paths() -> list[str]:
    paths = ("/", "/posts/post-1/", "/posts/post-2/", "/posts/post-3/")
    return [path for path in paths if await pages.fresh_for(ORIGIN + path) > 0]


def test_logged_pages_are_warmed_and_their_reads_counted(log):
    out, _ = warm_cache("--from-log", str(log))
    assert "8 lines read: 6 reads of 3 addresses, 2 lines skipped" in out
    assert "7 warmed" in out
    assert asyncio.run(fresh_paths()) == ["/", "/posts/post-1/", "/posts/post-2/"]
    hottest = [name for name, _ in asyncio.run(heat.read_hottest(10))]
    assert hottest == [f"page:{ORIGIN}{path}" for path in ("/posts/post-1/", "/", "/posts/post-2/")]


def test_a_dry_run_lists_the_most_read_first_and_counts_nothing(log):
    out, error = warm_cache("--from-log", str(log), "--dry-run", "--json")
    assert "8 lines read" in error
    shown = [key.partition("testserver")[2] for key in json.loads(out)["targets"] if key.startswith("page@")]
    assert shown == ["/posts/post-1/", "/", "/posts/post-2/"]
    assert asyncio.run(heat.read_hottest(10)) == []


def test_a_log_without_reads_says_so(log):
    log.write_text("nonsense\n")
    with pytest.raises(CommandError, match="Nothing was warmed: no line of that file"):
        warm_cache("--from-log", str(log))


def test_without_an_origin_the_command_says_that_nothing_was_warmed(log, settings):
    settings.WARM_ORIGINS = []
    with pytest.raises(CommandError, match="No page was warmed: the addresses that readers use"):
        warm_cache("--from-log", str(log))


@pytest.mark.parametrize("more", [["--stale"], ["--all"], ["post"]])
def test_other_choices_beside_a_log_are_refused(log, more):
    with pytest.raises(CommandError, match="--from-log names the pages itself"):
        warm_cache("--from-log", str(log), *more)


def test_a_file_that_is_not_there_is_one_line(log):
    with pytest.raises(CommandError, match=r"Cannot read .*: No such file"):
        warm_cache("--from-log", str(log) + "x")


def test_an_encoded_address_is_warmed_as_readers_ask_for_it():
    scope = targets.scope_of("http://testserver/posts/%C3%BC/?q=%20")
    assert (scope["path"], scope["raw_path"]) == ("/posts/ü/", b"/posts/%C3%BC/")
