"""CONTRIBUTING.md is true: its examples run, and the names in its answers are in the code."""

import contextlib
import importlib
import re
import sys
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.test import Client, override_settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from content.caching import Policy, Resource, declarations, invalidate
from content.caching.queries import count_queries
from content.models import Comment, Post, Tag
from tests.support.service import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
NAME = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)+)`")
FILE = re.compile(r"`([\w.]*[\w/]+/[\w./]*|\.env\.example|Makefile|pyproject\.toml)`")
ROOTS = ("content", "project", "workers", "tests")


def part(heading: str) -> str:
    """The text below a heading, up to the next one of its level."""
    return CONTRIBUTING.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def example(heading: str, language: str = "python") -> str:
    return next(code for kind, code in BLOCK.findall(part(heading)) if kind == language)


def run(*headings: str) -> dict[str, Any]:
    """The names that the examples below these headings define, run in turn."""
    names: dict[str, Any] = {"__name__": "contributing"}
    for heading in headings:
        exec(compile(example(heading), heading, "exec"), names)
    return names


@pytest.fixture
def all_tags_forgotten():
    """The example's resource is declared for this test alone."""
    yield
    del declarations.resources["all_tags"]


pytestmark = pytest.mark.usefixtures("clean_cache")


@pytest.fixture
def clean_cache():
    caches["default"].clear()
    yield
    caches["default"].clear()


@pytest.mark.django_db
def test_the_resource_is_loaded_once_and_ends_with_its_tag(all_tags_forgotten):
    all_tags = run("Add a resource")["all_tags"]
    Tag.objects.create(slug="oak", name="Oak")
    assert [async_to_sync(all_tags.get)() for _ in range(2)] == [(("oak", "Oak"),)] * 2
    Tag.objects.create(slug="ash", name="Ash")
    assert async_to_sync(all_tags.get)() == (("oak", "Oak"),), "no write of this test was committed"
    async_to_sync(invalidate)(["terms"])
    assert async_to_sync(all_tags.get)() == (("ash", "Ash"), ("oak", "Oak"))


@pytest.mark.django_db
def test_the_page_shows_its_resource_and_its_second_read_does_no_sql(all_tags_forgotten, tmp_path, settings):
    pattern = run("Add a resource", "Add a page")["pattern"]
    (tmp_path / "content").mkdir()
    (tmp_path / "content/tags.html").write_text(example("Add a page", "html"))
    settings.TEMPLATES = [{**each, "DIRS": [tmp_path]} for each in settings.TEMPLATES]
    Tag.objects.create(slug="oak", name="Oak")
    urls = ModuleType("urls_of_the_example")
    urls.urlpatterns = [pattern, *importlib.import_module("project.urls").urlpatterns]
    with override_settings(ROOT_URLCONF=urls):
        assert '<a href="/tags/oak/">Oak</a>' in Client().get("/tags/").content.decode()
        with count_queries() as queries:
            assert Client().get("/tags/").status_code == 200
    assert queries.statements == []
    assert pattern.callback.shared_parameters == frozenset()


async def test_the_backend_carries_the_engine(monkeypatch):
    names = run("Add a backend")
    module = ModuleType("shop.cache")
    module.DictCache = names["DictCache"]
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.cache", module)
    sessions = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    loads: list[str] = []

    async def load(sku: str) -> int:
        loads.append(sku)
        return len(loads)

    with override_settings(CACHES=names["CACHES"] | {"sessions": sessions}):
        price = Resource(
            "price_in_a_dictionary", load=load, policy=Policy(ttl="5m"), tags=lambda sku: [f"product:{sku}"]
        )
        assert [await price.get("A"), await price.get("A")] == [1, 1]
        await invalidate(["product:A"])
        assert await price.get("A") == 2
    assert loads == ["A", "A"]
    del declarations.resources["price_in_a_dictionary"]


@pytest.mark.django_db
def test_the_metric_is_exported():
    example = run("Add a metric")

    class Comments(Collector):
        def collect(self):
            return example["comment_metrics"](example["count_pending"]())

    post = Post.objects.create(slug="first", title="First", status="published")
    Comment.objects.create(post=post, author_name="Ann", body="Yes.")
    registry = CollectorRegistry()
    registry.register(Comments())
    assert "evergreen_comments_pending 1.0" in generate_latest(registry).decode()


# --- the names and files that the text refers to -----------------------------------------------------------


def names() -> list[str]:
    text = BLOCK.sub("", CONTRIBUTING)
    return sorted({name for name in NAME.findall(text) if not name.endswith((".py", ".md", ".toml"))})


def look_up(name: str) -> object:
    """The module, class, function or field of that name; names of the engine are relative to it."""
    parts = (
        name.split(".")
        if name.startswith(tuple(f"{root}." for root in ROOTS))
        else ["content", "caching", *name.split(".")]
    )
    for end in range(len(parts), 0, -1):
        with contextlib.suppress(ImportError):
            value: object = importlib.import_module(".".join(parts[:end]))
            for part in parts[end:]:
                value = getattr(value, part, None) or value.__annotations__[part]
            return value
    raise LookupError(name)


@pytest.mark.parametrize("name", names())
def test_each_name_is_in_the_code(name):
    assert look_up(name) is not None


@pytest.mark.parametrize(
    "path", sorted({path for path in FILE.findall(BLOCK.sub("", CONTRIBUTING)) if "*" not in path})
)
def test_each_file_exists(path):
    assert (ROOT / path).exists() or (ROOT / "content/caching" / path).exists()


@pytest.mark.parametrize("heading", ["Ten questions about the engine", "Ten questions about the site"])
def test_each_answer_names_code(heading):
    answers = re.split(r"^\d+\. ", part(heading), flags=re.MULTILINE)[1:]
    assert len(answers) == 10
    assert [answer for answer in answers if not NAME.search(answer)] == []


def test_the_tree_shows_every_folder_of_the_site():
    tree = re.findall(r"\w+", part("The tree"))
    folders = [path.name for path in (ROOT / "content").iterdir() if path.is_dir() and not path.name.startswith("_")]
    assert {name for name in folders if name not in tree} == {"migrations"}
