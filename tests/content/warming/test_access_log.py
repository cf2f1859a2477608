"""Access logs: what nginx and Apache write is read, and other lines are counted and do no harm."""

import gzip
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.edge.profile import Profile
from content.warming import access_log
from content.warming.access_log import (
    LONGEST_LINE,
    NO_ADDRESS,
    NO_LOG_LINE,
    NOT_CACHED,
    OTHER_METHOD,
    OTHER_STATUS,
    TOO_LONG,
    TOO_MANY,
    AccessLog,
    Skipped,
    address_at,
    parse_line,
    read_access_log,
)

# As they are: written by nginx 1.24 and Apache 2.4.
NGINX = (
    '203.0.113.9 - - [29/Nov/2026:05:14:21 +0000] "GET /posts/a/?page=2 HTTP/1.1" 200 5316 "https://example.org/" '
    '"Mozilla/5.0 (X11; Linux x86_64)"'
)
APACHE = '2001:db8::1 - frank smith [10/Oct/2026:13:55:36 -0700] "GET /tags/ HTTP/1.0" 304 -'


def reason_of(line: bytes) -> str:
    with pytest.raises(Skipped) as raised:
        parse_line(line)
    return str(raised.value)


def test_the_common_and_the_combined_format_are_read():
    assert parse_line(NGINX.encode()) == "/posts/a/?page=2"
    assert parse_line(APACHE.encode()) == "/tags/"


LINES = {
    "": NO_LOG_LINE,
    "hello": NO_LOG_LINE,
    '{"request": "GET / HTTP/1.1"}': NO_LOG_LINE,
    NGINX.replace("GET", "POST"): OTHER_METHOD,
    NGINX.replace("GET", "get"): OTHER_METHOD,
    NGINX.replace(" 200 ", " 404 "): OTHER_STATUS,
    NGINX.replace(" 200 ", " 301 "): OTHER_STATUS,
    NGINX.replace("/posts/a/", "*"): NO_ADDRESS,
    NGINX.replace("/posts/a/", "http://other/"): NO_ADDRESS,
    NGINX.replace("/posts/a/", "/\\x22a"): NO_ADDRESS,
    NGINX.replace("/posts/a/", "/a b"): NO_ADDRESS,
    NGINX.replace("/posts/a/", "/" + "a" * 5000): NO_ADDRESS,
    NGINX.replace(" HTTP/1.1", ""): NO_ADDRESS,
    NGINX.replace('"GET /posts/a/?page=2 HTTP/1.1"', '"\\x16\\x03\\x01"'): OTHER_METHOD,
    NGINX + "x" * LONGEST_LINE: TOO_LONG,
}


@pytest.mark.parametrize(("line", "reason"), LINES.items(), ids=range(len(LINES)))
def test_other_lines_are_skipped_with_their_reason(line, reason):
    assert reason_of(line.encode()) == reason


def escape(text: str) -> str:
    """As nginx and Apache write what a client sent."""
    return "".join(
        char if " " <= char <= "~" and char not in '"\\' else "".join(f"\\x{byte:02X}" for byte in char.encode())
        for char in text
    )


words = st.from_regex(r"[A-Za-z0-9._:-]{1,30}", fullmatch=True)
free_text = st.text(st.characters(codec="utf-8"), max_size=60)
targets = st.from_regex(r"/[a-z0-9/._~!$&'()*+,;=:@?%-]{0,80}", fullmatch=True)
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PURGE"])


@given(words, words, words, methods, targets, st.integers(100, 599), st.booleans(), free_text, free_text)
def test_a_read_is_found_whatever_the_client_sent_in_other_fields(
    host, identity, user, method, target, status, is_combined, referrer, agent
):
    line = f'{host} {identity} {user} [10/Oct/2026:13:55:36 -0700] "{method} {target} HTTP/1.1" {status} 12'
    if is_combined:
        line += f' "{escape(referrer)}" "{escape(agent)}"'
    if method not in ("GET", "HEAD"):
        assert reason_of(line.encode()) == OTHER_METHOD
    elif not (200 <= status < 300 or status == 304):
        assert reason_of(line.encode()) == OTHER_STATUS
    else:
        assert parse_line(line.encode()) == target


@given(st.binary(max_size=300) | st.from_regex(rb'[a" \\\[\]0-9/]{0,200}', fullmatch=True))
def test_any_bytes_are_read_or_skipped(line):
    log = AccessLog()
    log.add(line, lambda target: target)
    assert log.lines == 1
    assert log.reads.total() + log.skipped.total() == 1


# --- addresses --------------------------------------------------------------------------------------------

PAGES = {"/": frozenset({"page"}), "/search/": frozenset({"q", "page"}), "/ü/": frozenset()}
address_of = address_at(
    Profile(
        shared_parameters=PAGES.get,
        sorts_parameters=True,
        ignored_parameters=re.compile("utm_.*"),
        passes=re.compile("/admin/"),
    )
)


def test_a_query_is_kept_as_the_edge_normalises_it():
    assert address_of("/?utm_source=x&page=2&other=1") == "/?page=2"
    assert address_of("/search/?q=a%20b&page=2") == "/search/?page=2&q=a%20b"
    assert address_of("/?utm_source=x") == "/"
    assert address_of("/%C3%BC/?page=2") == "/%C3%BC/"


def test_what_the_edge_does_not_store_is_no_address():
    assert address_of("/admin/") is None
    assert address_of("/static/site.css") is None


# --- files ------------------------------------------------------------------------------------------------


def test_a_file_is_counted_line_by_line(tmp_path):
    path = tmp_path / "access.log"
    lines = [NGINX.replace("/posts/a/?page=2", target) for target in ("/", "/?page=2", "/?page=2", "/x")]
    path.write_bytes("\n".join([*lines, "nonsense", NGINX + "x" * 100_000, lines[0]]).encode() + b"\r\n")
    log = read_access_log(path, address_of)
    assert log.lines == 7
    assert log.reads == {"/": 2, "/?page=2": 2}
    assert log.skipped == Counter({NOT_CACHED: 1, NO_LOG_LINE: 1, TOO_LONG: 1})
    assert str(log).startswith("7 lines read: 4 reads of 2 addresses, 3 lines skipped (1 no page that the cache")


def test_the_most_read_come_first(tmp_path):
    path = tmp_path / "access.log.gz"
    path.write_bytes(
        gzip.compress(b"\n".join([APACHE.replace("/tags/", target).encode() for target in ["/", "/a", "/a"]]))
    )
    assert read_access_log(path, lambda target: target).hottest == ["/a", "/"]


def test_a_damaged_file_is_an_error(tmp_path):
    path = tmp_path / "access.log.gz"
    path.write_bytes(gzip.compress(APACHE.encode() * 1000)[:-20])
    with pytest.raises(OSError, match="damaged"):
        read_access_log(path, lambda target: target)


def test_addresses_are_bounded(monkeypatch):
    monkeypatch.setattr(access_log, "MOST_ADDRESSES", 2)
    log = AccessLog()
    for target in ("/a", "/b", "/c", "/a"):
        log.add(APACHE.replace("/tags/", target).encode(), lambda target: target)
    assert log.reads == {"/a": 2, "/b": 1}
    assert log.skipped == {TOO_MANY: 1}
