"""/healthz and /readyz: alive, ready, and the reasons when not."""

import asyncio

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from content.ops import health
from content.ops.metrics import page as metrics
from content.ops.migrations import MigrationCheck
from content.ops.state.cached_result import CachedResult
from project.asgi import application
from tests.support.servers.redis import running_redis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache")]


@pytest.fixture(autouse=True)
def empty_caches():
    health.cached_checks.clear()
    metrics.cached_metrics.clear()


async def readiness(client, **changed) -> tuple[int, dict]:
    response = await client.get("/readyz")
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, response.json()["checks"]


async def test_healthz_checks_nothing(async_client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = await async_client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_ready_when_database_and_redis_answer_and_without_a_worker(async_client, settings, fresh_redis):
    settings.REDIS_URL = fresh_redis
    response = await async_client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    checks = response.json()["checks"]
    assert all(check["ok"] for check in checks.values())
    assert set(checks) == {"database", "migrations", "redis", "coverage"}


async def test_i5_without_redis_a_process_is_degraded_and_gives_the_reason_without_the_password(
    async_client, settings
):
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    response = await async_client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    redis = response.json()["checks"]["redis"]
    assert redis["reason"] == "Does not answer (ConnectionError)."
    assert "EVERGREEN_READY_REDIS" in redis["tolerated"]
    assert "secret" not in response.text


async def test_a_setting_demands_redis(async_client, settings):
    settings.REDIS_URL, settings.READY_REDIS = "redis://127.0.0.1:1/0", True
    status, checks = await readiness(async_client)
    assert (status, checks["redis"]["ok"], "tolerated" in checks["redis"]) == (503, False, False)
    assert checks["database"]["ok"]


async def test_nothing_else_is_tolerated(async_client, settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    async def fails() -> str:
        return "It is not so."

    monkeypatch.setitem(health.CHECKS, "database", fails)
    response = await async_client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "not ready")


async def test_a_process_is_not_ready_before_its_migrations_are_applied(
    async_client, settings, fresh_redis, monkeypatch
):
    settings.REDIS_URL = fresh_redis
    monkeypatch.setattr(health, "migration_check", MigrationCheck())
    await sync_to_async(forget_migration)("content", "0001_initial")
    status, checks = await readiness(async_client)
    assert (status, checks["migrations"]["reason"]) == (
        503,
        "1 migrations are not applied, content.0001_initial first. Run: manage.py prepare",
    )
    await sync_to_async(MigrationRecorder(connection).record_applied)("content", "0001_initial")
    health.cached_checks.clear()
    assert (await readiness(async_client))[0] == 200
    # Another release may apply its own, or go back: what this one needs is there.
    await sync_to_async(forget_migration)("content", "0001_initial")
    health.cached_checks.clear()
    try:
        assert (await readiness(async_client))[0] == 200
    finally:
        await sync_to_async(MigrationRecorder(connection).record_applied)("content", "0001_initial")


def forget_migration(app: str, name: str) -> None:
    MigrationRecorder(connection).record_unapplied(app, name)


async def test_a_database_without_tables_is_not_ready(async_client, monkeypatch):
    from django.db import OperationalError

    def broken() -> None:
        raise OperationalError("no such table")

    monkeypatch.setattr(health, "select_one", broken)
    status, checks = await readiness(async_client)
    assert (status, checks["database"]["reason"]) == (503, "Does not answer (OperationalError).")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_read_only(async_client, path):
    assert (await async_client.post(path)).status_code == 405


# --- many requests --------------------------------------------------------------------------------------------------


async def test_many_requests_at_once_share_one_check_and_open_no_connections(async_client, settings):
    with running_redis() as server:
        settings.REDIS_URL = server.url
        await check_many_requests(async_client, server.url)


async def check_many_requests(async_client, url: str) -> None:
    health.redis_client.cache_clear()
    with health.redis_client(url) as client:
        await readiness(async_client)
        before = client.info()
        for _ in range(20):
            await asyncio.gather(*(readiness(async_client) for _ in range(10)))
            health.cached_checks.clear()
        after = client.info()
    assert after["total_connections_received"] - before["total_connections_received"] <= 1
    assert after["total_commands_processed"] - before["total_commands_processed"] <= 25


async def test_a_result_is_shared_for_a_second_and_no_longer(monkeypatch):
    now, made = [0.0], []

    async def compute() -> int:
        made.append(1)
        return len(made)

    result = CachedResult(compute, 1.0, lambda: now[0])
    assert [await result.get() for _ in range(3)] == [1, 1, 1]
    now[0] = 1.0
    assert await asyncio.gather(result.get(), result.get()) == [2, 2]


async def test_a_cancelled_caller_does_not_cancel_the_check_of_the_others():
    gate, cancelled = asyncio.Event(), []

    async def compute() -> str:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return "made"

    result = CachedResult(compute, 1.0)
    first, second = asyncio.create_task(result.get()), asyncio.create_task(result.get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await second == "made"
    assert not cancelled


# --- /metrics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.8.0.1"])
def test_this_host_may_read_metrics(client, address):
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "::2", "", "unix"])
def test_other_hosts_may_not_and_the_refusal_names_the_setting(client, address):
    response = client.get("/metrics", REMOTE_ADDR=address)
    assert response.status_code == 403
    assert "EVERGREEN_METRICS_OPEN" in response.text


@pytest.mark.parametrize("field", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_requests_through_a_proxy_on_this_host_are_refused(client, field):
    assert client.get("/metrics", headers={field: "192.0.2.1"}).status_code == 403


def test_staff_may_read_metrics_from_anywhere_and_members_may_not(client, django_user_model):
    for is_staff, status in ((True, 200), (False, 403)):
        client.force_login(django_user_model.objects.create_user(f"user-{is_staff}", is_staff=is_staff))
        assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == status


def test_the_setting_opens_metrics_to_all(client, settings):
    settings.METRICS_OPEN = True
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 200


# --- for load balancers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_answers_any_host_and_plain_http(settings, path):
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["example.org"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=application), base_url="http://10.0.0.7") as asked:
        response = await asked.get(path)
        assert response.status_code in (200, 503)
        assert response.json()["status"] in ("ok", "ready", "degraded", "not ready")
        assert response.headers["Cache-Control"] == "no-store"
        head = await asked.head(path)
        assert (head.status_code, head.content) == (response.status_code, b"")
        assert (await asked.post(path)).status_code == 405
        assert (await asked.get("/")).status_code in (301, 400)
