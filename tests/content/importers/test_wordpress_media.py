"""--fetch-media downloads files of public hosts, and refuses others; pages show the files."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from PIL import Image

from content.images import BadImage
from content.importers import ImportReport
from content.importers.media import detect_kind
from content.importers.wordpress import import_wordpress
from content.importers.wordpress.fetcher import Fetcher, is_public
from content.models import MediaFile, Post
from tests.support.wordpress import export, item

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def picture(colour: str) -> bytes:
    content = BytesIO()
    Image.new("RGB", (4, 3), colour).save(content, "PNG")
    return content.getvalue()


class Files(ThreadingHTTPServer):
    """A host with files by their paths, which counts the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.files = {"/lake.png": picture("blue"), "/page.png": b"<html>no picture</html>"}
        self.moved = {"/moved.png": "/lake.png", "/circle": "/circle", "/away": "file:///etc/passwd"}
        self.asked: Counter[str] = Counter()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Answers(BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        content = self.server.files.get(self.path)
        target = self.server.moved.get(self.path)
        self.send_response(302 if target else 200 if content is not None else 404)
        if target:
            self.send_header("Location", target)
        if self.path == "/short":
            self.send_header("Content-Length", str(len(content or b"") + 10))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *args: object) -> None:
        """Not on the test's output."""


@pytest.fixture
def host() -> Iterator[Files]:
    with Files() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def run_import(tmp_path, settings, db):
    settings.MEDIA_ROOT = tmp_path / "media"

    def run(*items: str, fetch: Fetcher | None = None) -> ImportReport:
        return import_wordpress(export(tmp_path / "blog.xml", *items), fetch=fetch, now=NOW)

    return run


OURS = Fetcher(private=True)


def test_pictures_become_media_with_their_size(run_import, host):
    cover = item(9, post_type="attachment", attachment_url=host.url("/lake.png"), title="The lake")
    image = f'<img class="alignleft" src="{host.url("/moved.png")}" alt="Lake"> words'
    report = run_import(item(1, content=image, meta={"_thumbnail_id": "9"}), cover, fetch=OURS)
    media = MediaFile.objects.get()
    post = Post.objects.get()
    assert (report.media, report.media_missing, media.width, media.height) == (1, 0, 4, 3)
    assert f'src="{media.file.url}" alt="Lake" width="4" height="3"' in post.html
    assert (post.cover, post.cover_alt) == (media, "The lake")


def test_galleries_and_captions_are_figures(run_import, host):
    file = item(9, post_type="attachment", attachment_url=host.url("/lake.png"), title="Lake", excerpt="Cold")
    figure = f'[caption align="aligncenter"]<img src="{host.url("/lake.png")}">Deep[/caption]'
    run_import(item(1, content=f'[gallery ids="9"]\n\n{figure}'), file, fetch=OURS)
    html = Post.objects.get().html
    assert html.count("<figure") == 2
    assert '<figure class="align-center">' in html
    assert "<figcaption>Cold</figcaption>" in html


def test_a_link_to_a_file_of_the_blog_leads_to_the_media_file(run_import, host):
    file = item(9, post_type="attachment", attachment_url=host.url("/lake.png"))
    run_import(item(1, content=f'<a href="{host.url("/lake.png")}">the file</a>'), file, fetch=OURS)
    assert f'href="{MediaFile.objects.get().file.url}"' in Post.objects.get().html


def test_a_second_run_fetches_nothing_and_one_without_the_option_removes_nothing(run_import, host):
    post = item(1, content=f'<img src="{host.url("/lake.png")}">')
    run_import(post, fetch=OURS)
    html = Post.objects.get().html
    assert run_import(post, fetch=OURS).unchanged == 1
    assert run_import(post).unchanged == 1
    changed = run_import(item(1, title="Other", content=f'<img src="{host.url("/lake.png")}">'))
    assert (changed.updated, Post.objects.get().html) == (1, html)
    assert host.asked == {"/lake.png": 1}


def test_a_missing_file_stays_a_link_and_is_fetched_again(run_import, host):
    post = item(1, content=f'<img src="{host.url("/later.png")}" alt="Later">')
    report = run_import(post, fetch=OURS)
    assert report.media_missing == 1
    assert f'<a href="{host.url("/later.png")}"' in Post.objects.get().html
    assert run_import(post, fetch=OURS).unchanged == 1
    host.files["/later.png"] = picture("red")
    assert run_import(post, fetch=OURS).updated == 1
    assert "<img" in Post.objects.get().html


def test_a_page_with_the_name_of_a_picture_is_refused(run_import, host):
    run_import(item(1, content=f'<img src="{host.url("/page.png")}">'), fetch=OURS)
    assert not MediaFile.objects.exists()


def test_private_addresses_get_no_request(run_import, host):
    run_import(item(1, content=f'<img src="{host.url("/lake.png")}">'), fetch=Fetcher())
    assert not MediaFile.objects.exists()
    assert not host.asked


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1%eth0", "fc00::1", "255.255.255.255", "2001:db8::1",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_private_addresses(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::808:808"])
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://x.example/a", "http://a:b@127.0.0.1/", "http:///x", "http://[", "http://x:99999/"],
)  # fmt: skip
def test_an_address_of_another_scheme_or_with_a_user_is_refused(address):
    assert OURS(address) is None


@pytest.mark.parametrize("path", ["/circle", "/away", "/short", "/none"])
def test_a_bad_response_is_refused(host, path):
    host.files["/short"] = b"only a part"
    assert OURS(host.url(path)) is None


def test_a_file_past_the_bound_in_size_or_time_is_refused(host):
    size = len(host.files["/lake.png"])
    assert Fetcher(private=True, largest=size)(host.url("/lake.png")) is not None
    assert Fetcher(private=True, largest=size - 1)(host.url("/lake.png")) is None
    times = iter([0.0, 61.0])
    assert Fetcher(private=True, clock=lambda: next(times))(host.url("/lake.png")) is None


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (b"%PDF-1.7", "pdf"),
        (b"ID3\x04", "mp3"),
        (b"\x00\x00\x00\x18ftypmp42", "mp4"),
        (b"\x1aE\xdf\xa3\x01\x00\x42\x82\x84webm", "webm"),
        (picture("red"), "png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"<!DOCTYPE html>", None),
        (b"", None),
    ],
)
def test_a_kind_is_detected_by_the_bytes(content, extension):
    kind = detect_kind(content)
    assert (kind.extension if kind else None) == extension


def test_half_a_picture_is_refused_by_name():
    with pytest.raises(BadImage, match="GIF is damaged"):
        detect_kind(b"GIF89a")
