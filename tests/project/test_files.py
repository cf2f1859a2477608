"""Static files and media, in front of the application."""

import re
from pathlib import Path

import brotli
import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command

from project.files import with_files


async def pages(scope, receive, send):
    """The application behind the files: says that it was asked."""
    await send({"type": "http.response.start", "status": 404, "headers": [(b"x-asked", b"pages")]})
    await send({"type": "http.response.body", "body": b"no such page"})


@pytest.fixture
def folders(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT, settings.STATIC_ROOT = tmp_path / "media", tmp_path / "static"
    settings.MEDIA_ROOT.mkdir()
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "project.files.StaticStorage"}}
    return tmp_path


def reader() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=with_files(pages))
    return httpx.AsyncClient(transport=transport, base_url="http://site")


async def test_an_upload_is_served_at_once_and_runs_no_script(folders):
    async with reader() as client:
        assert (await client.get("/media/new.svg")).status_code == 404
        (folders / "media" / "new.svg").write_text("<svg><script>alert(1)</script></svg>")
        response = await client.get("/media/new.svg")
    assert response.status_code == 200
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Type"].startswith("image/svg")


async def test_media_answer_ranges_and_conditions(folders):
    (folders / "media" / "a.txt").write_text("0123456789")
    async with reader() as client:
        whole = await client.get("/media/a.txt")
        part = await client.get("/media/a.txt", headers={"Range": "bytes=2-4"})
        same = await client.get("/media/a.txt", headers={"If-Modified-Since": whole.headers["Last-Modified"]})
        head = await client.head("/media/a.txt")
    assert (part.status_code, part.text) == (206, "234")
    assert same.status_code == 304
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/media/../secret",
        "/media/%2e%2e/secret",
        "/media/..%2fsecret",
        "/media//etc/passwd",
        "/media/a%00b",
        "/media/",
    ],
)
async def test_no_path_leaves_the_folder(folders, path):
    (folders / "secret").write_text("secret")
    async with reader() as client:
        response = await client.get(httpx.URL(f"http://site{path}"))
    assert response.status_code == 404
    assert "secret" not in response.text


async def test_a_link_out_of_the_folder_is_not_followed(folders):
    (folders / "secret").write_text("secret")
    (folders / "media" / "link.txt").symlink_to(folders / "secret")
    async with reader() as client:
        assert (await client.get("/media/link.txt")).status_code == 404


async def test_browsers_keep_hashed_files_for_ever(folders):
    collect()
    [hashed] = (folders / "static" / "content").glob("site.????????????.css")
    async with reader() as client:
        response = await client.get(f"/static/content/{hashed.name}", headers={"Accept-Encoding": "gzip"})
        plain = await client.get("/static/content/site.css")
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" not in plain.headers["Cache-Control"]


def collect() -> None:
    call_command("collectstatic", "--noinput", ignore_patterns=["admin", "ninja"], verbosity=0)


def test_only_hashed_files_are_compressed_and_once(folders):
    collect()
    compressed = {path: path.stat().st_mtime_ns for path in (folders / "static").rglob("*.br")}
    assert compressed
    assert all(re.search(r"\.[0-9a-f]{12}\.", path.name) for path in compressed), "each has its hash in its name"
    [css] = (path for path in compressed if path.name.startswith("site.") and path.name.endswith(".css.br"))
    assert brotli.decompress(css.read_bytes()) == css.with_suffix("").read_bytes()
    css.write_bytes(b"made before")
    collect()
    assert css.read_bytes() == b"made before"
    assert set((folders / "static").rglob("*.br")) == set(compressed)


async def test_with_debug_files_come_from_their_source_folder(folders, settings):
    settings.DEBUG = True
    async with reader() as client:
        assert (await client.get("/static/content/site.css")).status_code == 200


async def test_other_requests_reach_the_pages(folders):
    async with reader() as client:
        for path in ("/", "/media/none.png", "/static/none.css", "/mediation/"):
            response = await client.get(path)
            assert response.headers["X-Asked"] == "pages", path


async def test_files_cannot_be_written(folders):
    (folders / "media" / "a.txt").write_text("here")
    async with reader() as client:
        assert (await client.post("/media/a.txt")).status_code == 405


async def test_without_collected_files_serve_names_the_command(folders):
    with pytest.raises(CommandError, match=r"Run `manage\.py collectstatic --noinput`"):
        await sync_to_async(call_command)("serve")
