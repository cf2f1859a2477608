"""/healthz and /readyz: alive, ready, and the reasons when not."""

import pytest

from content.ops import heartbeat

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache")]


async def readiness(client, **changed) -> tuple[int, dict]:
    response = await client.get("/readyz")
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, response.json()["checks"]


async def test_alive_asks_nobody(async_client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = await async_client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_ready_when_database_redis_and_a_worker_answer(async_client, settings, fresh_redis):
    settings.REDIS_URL = fresh_redis
    heartbeat.beat()
    status, checks = await readiness(async_client)
    assert status == 200
    assert all(check["ok"] for check in checks.values())
    assert set(checks) == {"database", "redis", "worker"}


async def test_without_a_worker_it_says_how_to_start_one(async_client, settings, fresh_redis):
    settings.REDIS_URL = fresh_redis
    status, checks = await readiness(async_client)
    assert status == 503
    assert "celery -A workers worker" in checks["worker"]["reason"]
    assert checks["redis"]["ok"]


async def test_without_redis_it_says_so_and_no_password(async_client, settings):
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    status, checks = await readiness(async_client)
    assert status == 503
    assert checks["redis"]["reason"] == "Does not answer (ConnectionError)."
    assert checks["database"]["ok"]


async def test_a_database_without_tables_is_not_ready(async_client, monkeypatch):
    from django.db import OperationalError

    from content.ops import health

    def broken() -> None:
        raise OperationalError("no such table")

    monkeypatch.setattr(health, "select_one", broken)
    status, checks = await readiness(async_client)
    assert (status, checks["database"]["reason"]) == (503, "Does not answer (OperationalError).")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_read_only(async_client, path):
    assert (await async_client.post(path)).status_code == 405
