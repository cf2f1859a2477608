"""Django's middleware without threads: admin, sessions, CSRF and messages work as they did."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.test import AsyncClient

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"


@pytest.fixture
def client() -> AsyncClient:
    get_user_model().objects.create_superuser("ann", "ann@example.org", PASSWORD)
    return AsyncClient(enforce_csrf_checks=True)


def token_in(content: bytes) -> str:
    found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', content)
    assert found is not None
    return found[1].decode()


async def log_in(client: AsyncClient, password: str = PASSWORD):
    page = await client.get("/admin/login/")
    form = {"username": "ann", "password": password, "csrfmiddlewaretoken": token_in(page.content)}
    return await client.post("/admin/login/?next=/admin/", form)


async def test_a_login_and_its_session(client):
    assert (await client.get("/admin/")).status_code == 302
    assert b"Please enter the correct" in (await log_in(client, "wrong")).content
    assert (await log_in(client)).status_code == 302
    answer = await client.get("/admin/")
    assert answer.status_code == 200
    assert b"ann" in answer.content


async def test_a_form_without_its_token_is_refused(client):
    await log_in(client)
    answer = await client.post("/admin/content/tag/add/", {"name": "New", "slug": "new"})
    assert answer.status_code == 403


async def test_a_message_comes_with_the_next_page(client):
    await log_in(client)
    page = await client.get("/admin/content/tag/add/")
    form = {"name": "New", "slug": "new", "csrfmiddlewaretoken": token_in(page.content)}
    assert (await client.post("/admin/content/tag/add/", form)).status_code == 302
    listed = await client.get("/admin/content/tag/")
    assert b"was added successfully" in listed.content
    assert b"was added successfully" not in (await client.get("/admin/content/tag/")).content


async def test_headers_of_every_response(client):
    answer = await client.get("/admin/login/")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Cookie" in answer.headers["Vary"]
