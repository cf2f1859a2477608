"""Readers who differ in all that a request can say, and a site that may not mix them up."""

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.test import override_settings

from content.caching.edge import EdgeCache
from tests.support.privacy.urls import IN_TEMPLATES, READS

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csrf",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tests.support.privacy.urls.word_of_processor",
                "tests.support.privacy.urls.words_of_processors",
            ],
        },
    }
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "tests.support.privacy.readers.NamedUser",
    "django.contrib.messages.middleware.MessageMiddleware",
    "tests.support.privacy.urls.Theme",
]
ALIAS = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "privacy"}
settings_of_the_site = override_settings(
    ROOT_URLCONF="tests.support.privacy.urls",
    MIDDLEWARE=MIDDLEWARE,
    TEMPLATES=TEMPLATES,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MESSAGE_STORAGE="django.contrib.messages.storage.cookie.CookieStorage",
    CACHES={"default": ALIAS, "sessions": ALIAS},
    LANGUAGES=[("en", "English"), ("de", "Deutsch")],
    LANGUAGE_CODE="en",
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
)


class NamedUser:
    """As AuthenticationMiddleware, without a table of users: found lazily, from the session."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        from django.utils.functional import SimpleLazyObject

        request.user = SimpleLazyObject(lambda: Named(request.session.get("user", "nobody")))
        return self.get_response(request)


class Named:
    def __init__(self, name: str) -> None:
        self.name = self.pk = name

    is_authenticated, is_anonymous = True, False

    def __str__(self) -> str:
        return self.name

    def has_module_perms(self, label: str) -> bool:
        return False


@dataclass(frozen=True)
class Reader:
    name: str
    headers: tuple[tuple[bytes, bytes], ...]
    address: str


def random_reader(name: str, chance: random.Random) -> Reader:
    """Each value that the reader sends contains its name; some readers send little."""
    cookies, headers = {}, []
    if chance.random() < 0.7:
        cookies["colour"] = f"{name}-colour"
    if chance.random() < 0.6:
        session = SessionStore()
        session["word"], session["user"] = f"{name}-session", f"{name}-user"
        session.save()
        cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    if chance.random() < 0.5:
        cookies["messages"] = flash(f"{name}-message")
    if chance.random() < 0.5:
        cookies[settings.LANGUAGE_COOKIE_NAME] = chance.choice(["en", "de"])
    if chance.random() < 0.5:
        headers.append((b"accept-language", chance.choice([b"de", b"en", b"de, en;q=0.5"])))
    if chance.random() < 0.3:
        headers.append((b"content-type", f"text/{name}".encode()))
    if chance.random() < 0.3:
        headers.append((b"accept", f"text/{name}".encode()))
    if chance.random() < 0.6:
        headers.append((b"x-word", f"{name}-word".encode()))
    if chance.random() < 0.2:
        headers.append((b"authorization", f"Bearer {name}".encode()))
    if cookies:
        headers.append((b"cookie", "; ".join(f"{each}={value}" for each, value in cookies.items()).encode()))
    return Reader(name, tuple(headers), f"10.0.0.{chance.randrange(1, 250)}")


def flash(text: str) -> str:
    from django.contrib.messages.storage.base import Message

    storage: Any = CookieStorage(HttpRequest())
    return str(storage._encode([Message(20, text)]))


class PrivateSite:
    """The site behind an edge, and the same without any cache, whose answers are right."""

    def __init__(self) -> None:
        self.bare: Any = ASGIHandler()
        behind: Any = ASGIHandler()
        self.edge = EdgeCache(behind)

    async def ask(self, application: Any, path: str, reader: Reader) -> str:
        body: list[bytes] = []
        statuses: list[int] = []
        asked = False

        async def receive() -> Any:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            body.append(message.get("body", b""))

        headers = [(b"host", b"site"), *reader.headers]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "client": (reader.address, 5000),
            "server": ("site", 80),
        }
        await application(scope, receive, send)
        # A reader without a cookie has no value that this fragment varies on, which is an error.
        assert statuses == [200] or "filtered" in path, f"{statuses} for {path}"
        return b"".join(body).decode()


def random_path(place: str, chance: random.Random) -> str:
    """The path of one page, whose view reads one to three parts of the request."""
    if place == "fragments":
        names = "+".join(chance.sample(sorted(IN_TEMPLATES), chance.randint(1, 2)))
        return f"/fragments/{names}/{chance.choice(['nothing', 'user', 'request_user', 'cookie'])}/"
    names = "+".join(chance.sample(sorted(READS), chance.randint(1, 3)))
    return f"/{place}/{chance.choice(['async', 'sync', 'late', 'stream'])}/{names}/"


async def interleave(site: PrivateSite, place: str, times: int, chance: random.Random) -> list[str]:
    """Pages that some reader got differently from what the site without a cache gives that reader."""
    answers: list[tuple[str, Reader, str]] = []
    readers = [random_reader(f"reader{number}", chance) for number in range(40)]
    for _ in range(times):
        path, pair = random_path(place, chance), chance.sample(readers, 2)
        asks = [site.ask(site.edge, path, reader) for reader in pair]
        got = await asyncio.gather(*asks) if chance.random() < 0.5 else [await ask for ask in asks]
        answers += [(path, reader, text) for reader, text in zip(pair, got, strict=True)]
    right = await ask_uncached(site, place, {(path, reader) for path, reader, _ in answers})
    return [
        json.dumps([path, reader.name, text, right[path, reader]])
        for path, reader, text in answers
        if text != right[path, reader]
    ]


async def ask_uncached(
    site: PrivateSite, place: str, questions: set[tuple[str, Reader]]
) -> dict[tuple[str, Reader], str]:
    """The text that each reader gets alone, without a cache."""
    plain = "fragments" if place == "fragments" else "plain"
    with override_settings(CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}):
        return {
            (path, reader): await site.ask(site.bare, path.replace(f"/{place}/", f"/{plain}/"), reader)
            for path, reader in questions
        }
