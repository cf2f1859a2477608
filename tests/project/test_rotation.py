"""Secrets are replaced while the site runs, as docs/secrets.md says."""

import psycopg
import pytest
import redis
from django.contrib.auth import get_user_model
from django.test import Client

from tests.support.databases import fresh_postgres
from tests.support.servers.redis import running_redis

pytestmark = pytest.mark.long


@pytest.mark.django_db
def test_nobody_is_logged_out_while_the_old_key_is_a_fallback(settings):
    browser = Client()
    settings.SECRET_KEY = "the first key"
    browser.force_login(get_user_model().objects.create_superuser("owner"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key", ["the first key"]
    assert browser.get("/admin/").status_code == 200
    # That request has signed the session with the new key.
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get("/admin/").status_code == 200
    settings.SECRET_KEY = "the third key"
    assert browser.get("/admin/").status_code == 302


def test_redis_takes_both_passwords_for_a_while():
    with running_redis(password="old") as server, server.client() as before:
        with pytest.raises(redis.AuthenticationError), redis.Redis(port=server.port, password="new") as client:
            client.ping()
        before.execute_command("ACL", "SETUSER", "default", ">new")
        for password in ("old", "new"):
            with redis.Redis(port=server.port, password=password) as client:
                assert client.ping()
        before.execute_command("ACL", "SETUSER", "default", "<old")
        assert before.ping()
        with pytest.raises(redis.AuthenticationError), redis.Redis(port=server.port, password="old") as client:
            client.ping()


def test_a_second_role_of_postgresql_has_the_rights_of_the_first(postgres_server):
    statements = """
        CREATE ROLE site LOGIN;
        GRANT CREATE ON SCHEMA public TO site;
        CREATE ROLE site_b LOGIN IN ROLE site;
        ALTER ROLE site_b SET role = 'site';
    """
    with fresh_postgres(postgres_server) as url:
        url = url.replace("postgres://", "postgresql://")
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(statements)
        try:
            for user, made in (("site", "first"), ("site_b", "second")):
                with psycopg.connect(url, user=user, autocommit=True) as connection:
                    connection.execute(f"CREATE TABLE {made} (id integer)")
            with psycopg.connect(url, autocommit=True) as owner:
                owners = owner.execute("SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public'")
                assert dict(owners.fetchall()) == {"first": "site", "second": "site"}
        finally:
            with psycopg.connect(url, autocommit=True) as owner:
                owner.execute("DROP OWNED BY site; DROP ROLE site_b; DROP ROLE site")
