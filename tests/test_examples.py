"""Every example of the documentation runs: programs as they stand, other code in a project that its page assumes."""

import ast
import asyncio
import contextlib
import importlib
import inspect
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest
from collections.abc import AsyncIterator
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.core.cache import CacheHandler
from django.core.handlers.asgi import ASGIHandler
from django.core.management import call_command
from django.db import models
from django.test import RequestFactory, override_settings
from django.utils import timezone
from django.utils.module_loading import import_string

from content.caching import RARE, Resource, declarations
from content.caching.cutoff import read_derived_values
from content.caching.edge import EdgeCache
from content.caching.testing import isolated_cache, moved_clock
from content.caching.watch import declaration
from content.models import Comment, Tag
from content.services.ops_tokens import create_token
from project.edge import site_profile
from tests.support.blog import make_blog, make_post
from tests.support.servers.process import free_port
from tests.support.service import ROOT, clean_environment
from tests.support.warm_python import run_warm

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
# Programs of their own, with settings: the first example of these pages.
PROGRAMS = ("quick-start.md", "fragments.md")
ORIGIN = "http://127.0.0.1:8000"
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


def blocks(page: str, language: str = "python") -> list[str]:
    return [code for kind, code in BLOCK.findall((DOCS / page).read_text()) if kind == language]


def run_program(program: str, redis_url: str) -> list[str]:
    ran = run_warm(["-c", program.replace("redis://127.0.0.1:6379/0", redis_url)], clean_environment())
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_the_quick_start_runs_as_it_stands(fresh_redis):
    program = blocks("quick-start.md")[0]
    again = ["loading A-100", "and again after a write: 990"]
    assert run_program(program, fresh_redis) == ["loading A-100", "1000 readers, one load", *again]
    assert run_program(program, fresh_redis) == ["1000 readers, one load", *again]


def test_the_program_of_fragments_prints_what_the_page_shows(fresh_redis):
    page = (DOCS / "fragments.md").read_text()
    shown = re.findall(r"^    (.+)$", page.split("```")[2], re.MULTILINE)
    assert run_program(blocks("fragments.md")[0], fresh_redis) == shown
    assert len(shown) == 4


# --- code of a project ------------------------------------------------------------------------------------------


class Rows:
    """As the manager of a model with one row."""

    def filter(self, sku: str) -> "Rows":
        return self

    async def afirst(self) -> SimpleNamespace:
        return SimpleNamespace(sku="A-100", name="Anvil", cents=990)


class Product(models.Model):
    name = models.CharField(max_length=50)
    price = models.IntegerField()
    text = models.TextField()

    class Meta:
        app_label = "shop_of_the_examples"

    def __str__(self) -> str:
        return self.name


async def load_price(sku: str) -> int:
    return 990


async def load_ranking() -> tuple[str, ...]:
    return ("A-100",)


class Sale(msgspec.Struct, frozen=True):
    ends_at: Any


async def load_sale(name: str) -> Sale:
    return Sale(timezone.now())


async def render(sku: str) -> str:
    return sku


async def bare_application(scope: Any, receive: Any, send: Any) -> None:
    """As any ASGI application."""


def price_of_the_page() -> Resource[..., Any]:
    return Resource("price", load=load_price, policy=RARE, tags=lambda sku: (f"product:{sku}",))


# Names that the examples of a page use and do not define.
ASSUMED: dict[str, Any] = {
    "edge.md": lambda: {
        "application": bare_application,
        # One that has no queue of pages: its worker returns at once.
        "edge": EdgeCache(bare_application),
        "uvicorn": SimpleNamespace(run=lambda application, http: import_string(http.replace(":", "."))),
    },
    "invalidation.md": lambda: {
        "save": lambda product: None,
        "product": SimpleNamespace(sku="A-100"),
        "product_resource": price_of_the_page(),
        "render": render,
        "load_ranking": load_ranking,
    },
    "policies.md": lambda: {"Sale": Sale, "load_sale": load_sale},
    "testing.md": lambda: {"price": price_of_the_page()},
}
PAGES = sorted(page.name for page in DOCS.glob("*.md") if blocks(page.name))
# Quotes of the code, which is tested where it stands.
QUOTES = ("api.md",)


@pytest.fixture
def shop(monkeypatch, fresh_redis):
    """The project of the examples: a module with a model, resources and watches of its own, an empty cache."""
    shop, shop_models = ModuleType("shop"), ModuleType("shop.models")
    shop.__path__ = []
    shop_models.Product = SimpleNamespace(objects=Rows())
    monkeypatch.setitem(sys.modules, "shop", shop)
    monkeypatch.setitem(sys.modules, "shop.models", shop_models)
    monkeypatch.setattr(declaration, "watches", {})
    before = dict(declarations.resources)
    redis = {"BACKEND": "content.caching.backends.RedisCache", "LOCATION": fresh_redis}
    with override_settings(CACHES={"default": redis, "sessions": LOCMEM}), isolated_cache():
        yield shop_models
    declarations.resources.clear()
    declarations.resources.update(before)
    declarations.duplicate_names.clear()


def run_example(code: str, page: str, names: dict[str, Any]) -> None:
    result = eval(compile(code, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(result):
        asyncio.run(result)


def run_page(page: str) -> dict[str, Any]:
    """The names that the examples of a page define, run in turn."""
    names: dict[str, Any] = {"__name__": "shop.examples", **ASSUMED.get(page, dict)()}
    for code in blocks(page)[page in PROGRAMS :]:
        run_example(code, page, names)
    return names


@pytest.mark.parametrize("page", [page for page in PAGES if page not in (*QUOTES, "backends.md", "invalidation.md")])
@pytest.mark.django_db
def test_the_examples_run(page, shop):
    if page == "comments.md":
        post = make_blog(1)[0]
        Comment.objects.create(pk=1, post=post, author_name="Ann", body="Yes.")
    if page == "testing.md":
        asyncio.run(run_page_of_tests())
        return
    names = run_page(page)
    if page == "comments.md":
        assert Comment.objects.get(pk=1).status == "approved"
        assert names["verdict"].allowed


async def run_page_of_tests() -> None:
    """The examples of tests, each run as a test."""
    names: dict[str, Any] = {"__name__": "shop.examples", **ASSUMED["testing.md"]()}
    first, fixtures, case, *others = blocks("testing.md")
    exec(first, names)
    assert names["pytest_plugins"] == ["content.caching.testing"]
    exec(fixtures, names)
    with moved_clock() as clock:
        await names["test_a_price_is_fresh_for_an_hour"](None, clock)
    exec(case, names)
    for code in others:
        result = eval(compile(code, "testing.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.iscoroutine(result):
            await result


@pytest.mark.django_db(transaction=True)
def test_the_test_case_of_an_example_passes(shop):
    names: dict[str, Any] = {"__name__": "shop.examples", **ASSUMED["testing.md"]()}
    exec(blocks("testing.md")[2], names)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(names["PriceTest"]).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


@pytest.mark.django_db
def test_the_examples_of_invalidation_run(shop):
    shop.Product = Product
    config = run_page("invalidation.md")["ShopConfig"]
    config.ready(SimpleNamespace())
    documents = declaration.watches["shop_of_the_examples.product"].documents
    assert documents == {"page": {"name", "price", "text"}, "card": {"name", "price"}}


def test_the_example_of_backends_reads_and_writes(fresh_redis):
    names: dict[str, Any] = {}
    run_example(
        blocks("backends.md")[0].replace("redis://user:password@host:6379/0", fresh_redis), "backends.md", names
    )
    cache = CacheHandler(names["CACHES"])["default"]
    cache.set("a", 1)
    assert cache.get("a") == 1


@pytest.mark.parametrize("page", QUOTES)
def test_a_quote_is_in_the_code(page):
    code = "\n".join(path.read_text() for path in (ROOT / "content").rglob("*.py"))
    for quote in blocks(page):
        assert quote in code


@pytest.mark.django_db
def test_the_view_with_a_fragment_answers(shop, tmp_path, settings):
    (tmp_path / "home.html").write_text(
        '{% load fragments %}{% fragment "hello" user ttl=60 %}Hello.{% endfragment %}'
    )
    settings.TEMPLATES = [{**each, "DIRS": [tmp_path]} for each in settings.TEMPLATES]
    request = RequestFactory().get("/")
    request.auser = load_ann
    assert asyncio.run(run_page("fragments.md")["home"](request)).content == b"Hello."


async def load_ann() -> str:
    return "Ann"


# --- requests, terminals and other programs ----------------------------------------------------------------------


def curls(page: str) -> list[tuple[list[str], str]]:
    """The words of each `curl` on the page, and what it printed."""
    text = "\n".join(code for kind, code in BLOCK.findall((DOCS / page).read_text()) if not kind)
    return [
        (shlex.split(line), shown)
        for line, shown in re.findall(r"^\$ curl (.+)\n((?:[^$\n].*\n|\n)*)", text, re.MULTILINE)
    ]


@contextlib.asynccontextmanager
async def open_site() -> AsyncIterator[httpx.AsyncClient]:
    """The site behind its edge. A response is stored before the next request."""
    edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())

    async def is_stored(response: httpx.Response) -> None:
        while tasks := edge.engine.loop_state().tasks:
            await asyncio.wait(set(tasks))

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=edge), base_url=ORIGIN, event_hooks={"response": [is_stored]}
    ) as client:
        yield client


def make_posts_of_the_api() -> None:
    tag = Tag.objects.create(slug="seasons", name="Seasons")
    for number in range(9):
        make_post(f"post-{number}", tags=[tag], published_at=timezone.now().replace(year=2026, month=6))


@pytest.mark.django_db(transaction=True)
async def test_the_requests_of_the_api_get_what_the_page_shows(shop):
    await sync_to_async(make_posts_of_the_api)()
    _, token = await sync_to_async(create_token)("deploy", ["warm", "purge"], created_by="ann")
    async with open_site() as client:
        for words, shown in curls("api.md"):
            headers = {name: value.replace("$TOKEN", token) for name, value in headers_of(words).items()}
            if "If-None-Match" in headers:
                headers["If-None-Match"] = (await client.get(url_of(words))).headers["ETag"]
            sent = words[words.index("-d") + 1] if "-d" in words else None
            method = words[words.index("-X") + 1] if "-X" in words else "POST" if sent else "GET"
            response = await client.request(method, url_of(words), headers=headers, content=sent)
            body = json.loads(shown[shown.index("{") :]) if "{" in shown else {}
            status = re.match(r"HTTP/1.1 (\d+)", shown)
            assert response.status_code == int(status[1] if status else body.get("status", 200))
            assert not body or keys_of(response.json()) == keys_of(body)


def url_of(words: list[str]) -> str:
    return next(word for word in words if word.startswith(ORIGIN))


def keys_of(data: Any) -> Any:
    """The shape of JSON: its names, without its values."""
    if isinstance(data, dict):
        return {name: keys_of(value) for name, value in data.items()}
    return [keys_of(data[0])] if isinstance(data, list) and data else None


@pytest.mark.django_db(transaction=True)
async def test_the_terminal_of_the_edge_shows_what_the_edge_does(shop):
    await sync_to_async(make_post)("first", published_at=timezone.now())
    [terminal] = [code for kind, code in BLOCK.findall((DOCS / "edge.md").read_text()) if not kind]
    # As the relay does, which is not running here: a page that waits for the first rankings is stale.
    await read_derived_values()
    etag = ""
    async with open_site() as client:
        for line, shown in re.findall(r"^\$ (.+)\n((?:[^$\n].*\n|\n)*)", terminal, re.MULTILINE):
            program, *words = shlex.split(line)
            if program == "manage.py":
                await sync_to_async(call_command)(*words, stdout=io.StringIO())
                continue
            headers = headers_of(words)
            if "If-None-Match" in headers:
                headers["If-None-Match"] = etag
            response = await client.get(url_of(words), headers=headers)
            etag = response.headers.get("ETag", etag)
            assert response.status_code == int(shown.split()[1]), line
            expected = re.search(r"^cache-status: (.+)$", shown, re.MULTILINE)
            status = without_numbers(response.headers.get("Cache-Status", ""))
            assert status == (without_numbers(expected[1]) if expected else ""), line


def headers_of(words: list[str]) -> dict[str, str]:
    """The fields that `curl -H` sends."""
    return dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")


def without_numbers(cache_status: str) -> str:
    """Without the release in the key either."""
    return re.sub(r"-?\d+", "", re.sub(r"page@1\.[a-z2-7]{8}:", "page@:", cache_status))


def test_wrong_settings_are_reported_as_the_page_shows(tmp_path):
    [(words, *shown)] = [
        code.rstrip("\n").split("\n")
        for _, code in BLOCK.findall((DOCS / "settings.md").read_text())
        if "DEBUG=maybe" in code
    ]
    *settings, program, command = shlex.split(words.removeprefix("$ "))
    environment = clean_environment() | dict(each.split("=", 1) for each in settings)
    ran = run_warm([ROOT / program, command], environment, tmp_path)
    assert (ran.returncode, ran.stderr.rstrip("\n").split("\n")) == (1, shown)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_accepts_the_configuration_in_front(tmp_path):
    trustme = importlib.import_module("trustme")
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "evergreen.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "evergreen.pem")
    [server] = blocks("edge.md", "nginx")
    server = server.replace("/etc/ssl", str(tmp_path)).replace("listen 443", f"listen {free_port()}")
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; {server} }}")
    ran = subprocess.run(["nginx", "-t", "-c", file, "-p", tmp_path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_commands_of_the_readme_start_the_service():
    for line in BLOCK.findall((ROOT / "README.md").read_text())[0][1].splitlines():
        words = shlex.split(line.partition("#")[0])
        printed = subprocess.run(
            [words[0], "-n", *words[1:]], cwd=ROOT, env=os.environ, capture_output=True, text=True
        )
        assert "manage.py up --port 8000" in printed.stdout
        assert ("--import" in printed.stdout) == ("IMPORT" in line)
