from collections.abc import Callable, Iterator

import psycopg
import pytest


@pytest.fixture
def own_postgres(postgres_server: str) -> Iterator[Callable[[str], str]]:
    """The URL of an empty database of that name, gone after the test."""
    made: list[str] = []

    def url_of(name: str) -> str:
        if name not in made:
            made.append(name)
            run(f'CREATE DATABASE "{name}"')
        return f"{postgres_server.rpartition('/')[0]}/{name}"

    def run(statement: str) -> None:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(statement)

    yield url_of
    for name in made:
        run(f'DROP DATABASE "{name}" WITH (FORCE)')
