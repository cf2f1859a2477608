"""`{% fragment %}`: parts of a page that are entries of the engine, in async views and in sync code."""

import asyncio
import logging
import threading
from itertools import count

import pytest
from django.core.cache import caches
from django.template import Context, Template, TemplateSyntaxError, VariableDoesNotExist
from django.test import RequestFactory
from django.utils import translation

from content.caching import Resource, invalidate
from content.caching.dependencies import track_dependencies
from content.caching.engines import engine_of
from content.caching.fragments import render, render_to_string
from content.caching.templatetags import fragments as fragment_tag
from tests.content.caching.test_resource import HOUR
from tests.support.wait import wait_until_async

ask = RequestFactory().get


class Made:
    """Counts how often it was rendered, and knows in which threads."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.threads: list[int] = []

    def __str__(self) -> str:
        self.threads.append(threading.get_ident())
        return str(next(self.numbers))


@pytest.fixture
def templates(settings):
    """Sources by name; a template is compiled when it is asked for."""
    sources: dict[str, str] = {}
    loader = ("django.template.loaders.locmem.Loader", sources)
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [loader]}}
    ]
    return sources


@pytest.fixture
def page(templates, alias):
    """Renders that source, with {% load %} before it, as an async view would."""

    async def render_page(source: str, **context) -> str:
        templates["page.html"] = "{% load fragments %}" + source
        return await render_to_string("page.html", context)

    return render_page


async def test_what_is_kept_is_not_rendered_again(page):
    made = Made()
    source = "<p>{% fragment 'side' ttl=60 %}<b>{{ made }}</b>{% endfragment %}</p>{{ who }}"
    assert await page(source, made=made, who="ann") == "<p><b>1</b></p>ann"
    assert await page(source, made=made, who="bob") == "<p><b>1</b></p>bob"
    assert len(made.threads) == 1


async def test_it_varies_on_any_number_of_values(page):
    made = Made()
    source = "{% fragment 'side' user language when ttl=60 %}{{ user }} {{ made }}{% endfragment %}"
    readers = [("ann", "en", None), ("ann", "de", None), ("bob", "en", None), ("bob", "en", 1), ("a,b", "en", 1)]
    for _ in range(2):
        texts = [await page(source, user=user, language=lang, when=when, made=made) for user, lang, when in readers]
        assert texts == ["ann 1", "ann 2", "bob 3", "bob 4", "a,b 5"]


async def test_a_value_that_is_not_there_is_an_error_and_not_one_key_for_all(page):
    source = "{% fragment 'side' usr.pk ttl=60 %}x{% endfragment %}"
    with pytest.raises(VariableDoesNotExist):
        await page(source, user="ann")
    with pytest.raises(TemplateSyntaxError, match="name its key"):
        await page("{% fragment 'side' user ttl=60 %}x{% endfragment %}", user=object())


async def test_it_shows_what_stood_there_in_a_loop(page):
    source = (
        "{% for word in words %}{% with twice=word|add:word %}"
        "{% fragment 'word' word ttl=60 %}{{ forloop.counter }}{{ word }}{{ twice }} {% endfragment %}"
        "{% endwith %}{% endfor %}"
    )
    assert await page(source, words=["a", "b", "a"]) == "1aaa 2bbb 1aaa "


async def test_all_fragments_of_a_page_are_one_lookup(page, alias, monkeypatch):
    lookups = []
    tier = engine_of(alias).shared.tier
    original = tier.lookup

    async def count_keys(keys):
        lookups.append(sorted(key for key in keys if key.startswith("fragment.")))
        return await original(keys)

    source = "{% for n in numbers %}{% fragment 'n' n ttl=60 %}{{ n }}{% endfragment %}{% endfor %}"
    assert await page(source, numbers=range(5)) == "01234"
    if engine_of(alias).memory is not None:
        engine_of(alias).memory.clear()
    monkeypatch.setattr(tier, "lookup", count_keys)
    assert await page(source, numbers=range(5)) == "01234"
    assert [len(keys) for keys in lookups if keys] == [5]


async def test_it_ends_with_its_tags_and_with_those_of_what_it_read(page, templates):
    numbers = count(1)

    async def load() -> int:
        return next(numbers)

    read = Resource("read-in-a-fragment", load=load, policy=HOUR, tags=lambda: ("news",))

    class Reader:
        def __str__(self) -> str:
            return str(read.get_sync())

    source = "{% fragment 'side' ttl=60 tags='terms posts' %}{{ made }}-{{ reader }}{% endfragment %}"
    made, reader = Made(), Reader()
    with track_dependencies() as collected:
        assert await page(source, made=made, reader=reader) == "1-1"
    assert {"terms", "posts", "news", "resource:fragment.side"} <= collected.tags
    for tag, text in [("posts", "2-1"), ("news", "3-2"), ("resource:fragment.side", "4-2"), ("other", "4-2")]:
        await invalidate([tag])
        with track_dependencies() as collected:
            assert await page(source, made=made, reader=reader) == text, tag
        assert {"terms", "posts", "news"} <= collected.tags


async def test_a_fragment_in_a_fragment_gives_it_its_tags(page):
    source = (
        "{% fragment 'outer' ttl=60 %}{{ outer }}("
        "{% fragment 'inner' ttl=60 tags='inner' %}{{ inner }}{% endfragment %}){% endfragment %}"
    )
    outer, inner = Made(), Made()
    assert await page(source, outer=outer, inner=inner) == "1(1)"
    await invalidate(["resource:fragment.outer"])
    assert await page(source, outer=outer, inner=inner) == "2(1)"
    await invalidate(["inner"])
    assert await page(source, outer=outer, inner=inner) == "3(2)"


async def test_many_readers_are_one_rendering_and_none_is_on_the_event_loop(page):
    made = Made()
    source = "{% fragment 'side' ttl=60 %}{{ made }}{% endfragment %}"
    assert set(await asyncio.gather(*(page(source, made=made) for _ in range(20)))) == {"1"}
    assert len(made.threads) == 1
    assert threading.get_ident() not in made.threads


async def test_stale_is_served_while_it_is_made_again(page, clock):
    made = Made()
    source = "{% fragment 'side' ttl=60 stale=60 %}{{ made }}{% endfragment %}"
    assert await page(source, made=made) == "1"
    clock.forward(90)
    assert await page(source, made=made) == "1"
    await wait_until_async(lambda: len(made.threads) == 2, "it is rendered again")
    clock.forward(60)
    assert await page(source, made=made) in ("2", "3")


async def test_an_edited_fragment_is_another(page):
    assert await page("{% fragment 'side' ttl=60 %}old{% endfragment %}") == "old"
    assert await page("{% fragment 'side' ttl=60 %}new{% endfragment %}") == "new"


async def test_marks_in_a_text_are_text(page):
    mark = "\ue0001-0\ue001"
    source = "{{ mark }}{% fragment 'side' mark ttl=60 %}{{ mark }}{% endfragment %}"
    assert await page(source, mark=mark) == mark * 2


async def test_what_cannot_be_rendered_is_an_error_and_not_kept(page):
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("broken")

    source = "{% fragment 'side' ttl=60 %}{{ made }}{% endfragment %}"
    with pytest.raises(RuntimeError, match="broken"):
        await page(source, made=Broken())
    assert await page(source, made=Made()) == "1"


async def test_a_fragment_is_kept_in_the_cache_that_it_names(page, settings):
    other = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "other"}
    settings.CACHES = settings.CACHES | {"other": other}
    caches["other"].clear()
    source = "{% fragment 'side' ttl=60 cache='other' tags='news' %}{{ made }}{% endfragment %}"
    made = Made()
    assert [await page(source, made=made) for _ in range(2)] == ["1", "1"]
    await caches["default"].aclear()
    assert await page(source, made=made) == "1"
    await invalidate(["news"])
    assert await page(source, made=made) == "2"


async def test_a_view_answers_with_it(page, templates):
    templates["view.html"] = (
        "{% extends 'base.html' %}{% load fragments %}"
        "{% block b %}{% fragment 'v' ttl=60 %}{{ x }}{% endfragment %}{% endblock %}"
    )
    templates["base.html"] = "<html>{% block b %}{% endblock %}</html>"
    response = await render(ask("/"), "view.html", {"x": "<1>"}, status=202)
    assert (response.status_code, response.content) == (202, b"<html>&lt;1&gt;</html>")


def test_sync_code_has_them_too(alias):
    made = Made()
    template = Template("{% load fragments %}{% fragment 'side' who ttl=60 %}{{ who }}{{ made }}{% endfragment %}")
    assert [template.render(Context({"made": made, "who": who})) for who in "aba"] == ["a1", "b2", "a1"]


def test_in_sync_code_equal_values_of_other_types_are_other_values(alias):
    """The node remembers the keys of plain values alone."""
    template = Template("{% load fragments %}{% fragment 'side' flag ttl=60 %}{{ flag }}{% endfragment %}")
    for _ in range(3):
        assert [template.render(Context({"flag": flag})) for flag in (1, True, "1")] == ["1", "True", "1"]


def test_in_sync_code_options_may_be_variables(alias, clock):
    made = Made()
    template = Template("{% load fragments %}{% fragment 'side' ttl=seconds %}{{ made }}{% endfragment %}")
    assert template.render(Context({"made": made, "seconds": 60})) == "1"
    assert template.render(Context({"made": made, "seconds": "5m"})) == "1"
    clock.forward(61)
    assert template.render(Context({"made": made, "seconds": "5m"})) == "2"
    clock.forward(61)
    assert template.render(Context({"made": made, "seconds": "5m"})) == "2"


def test_in_sync_code_what_is_kept_depends_on_the_language(alias):
    made = Made()
    template = Template("{% load fragments %}{% fragment 'side' ttl=60 %}{{ made }}{% endfragment %}")
    for _ in range(2):
        for number, language in enumerate(("en", "de"), 1):
            with translation.override(language):
                assert template.render(Context({"made": made})) == str(number)


async def test_on_an_event_loop_without_render_a_warning_is_logged(alias, caplog):
    """A template cannot wait there: it renders the fragment again, which is right and slow."""
    fragment_tag.warned.clear()
    made = Made()
    template = Template("{% load fragments %}{% fragment 'side' ttl=60 %}{{ made }}{% endfragment %}")
    with caplog.at_level(logging.WARNING, "content.caching"):
        assert [template.render(Context({"made": made})) for _ in range(2)] == ["1", "2"]
    assert [record.getMessage().count("content.caching.fragments.render") for record in caplog.records] == [1]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% fragment %}{% endfragment %}", "begins with its name"),
        ("{% fragment name ttl=60 %}{% endfragment %}", "begins with its name"),
        ("{% fragment 'side' %}{% endfragment %}", "needs a ttl"),
        ("{% fragment 'side' ttl=60 ttll=3 %}{% endfragment %}", "has no ttll"),
        ("{% fragment 'side' ttl=60 %}{% block b %}{% endblock %}{% endfragment %}", "belongs into the block"),
        ("{% fragment 'side' ttl=60 %}", "Unclosed tag"),
    ],
)
def test_what_is_written_wrongly_is_refused_when_it_is_compiled(source, reason):
    with pytest.raises(TemplateSyntaxError, match=reason):
        Template("{% load fragments %}" + source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("ttl=time", "The ttl of the fragment 'side' is 'soon'"),
        ("ttl=-1", "The ttl of the fragment 'side' is -1"),
        ("ttl='5 minutes'", "The ttl of the fragment 'side' is '5 minutes'"),
        ("ttl=60 stale=yes", "The stale of the fragment 'side' is True"),
        ("ttl=60 tags=numbers", r"The fragment 'side': The tag 42 is of type int"),
        ("ttl=60 tags=number", "The fragment 'side': The tags are 42"),
        ("numbers ttl=60", "The fragment 'side' cannot vary on"),
    ],
)
async def test_an_option_that_is_none_is_refused(page, options, message):
    with pytest.raises(TemplateSyntaxError, match=message):
        await page(
            f"{{% fragment 'side' {options} %}}a{{% endfragment %}}", time="soon", numbers=[42], number=42, yes=True
        )


async def test_a_ttl_is_seconds_or_text(page, clock):
    made = Made()
    source = "{% fragment 'side' ttl='5m' %}{{ made }}{% endfragment %}"
    assert await page(source, made=made) == await page(source, made=made) == "1"
    clock.forward(300)
    assert await page(source, made=made) == "2"
