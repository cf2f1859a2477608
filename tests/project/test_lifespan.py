"""The server's start and end, as a server asks for them (ASGI lifespan)."""

import gc

import pytest

from project.lifespan import with_lifespan


@pytest.fixture(autouse=True)
def no_verifier(settings):
    """A verifier that ends as soon as it begins may leave its thread to later tests."""
    settings.VERIFY = False


async def run_lifespan(application) -> list[str]:
    asked, said = ["lifespan.startup", "lifespan.shutdown"], []

    async def receive():
        return {"type": asked.pop(0)}

    async def send(message):
        said.append(message["type"])

    await application({"type": "lifespan"}, receive, send)
    return said


async def no_application(scope, receive, send):
    raise AssertionError("this is not the application's")


async def test_start_and_end_are_confirmed():
    assert await run_lifespan(with_lifespan(no_application)) == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_objects_of_the_start_are_not_collected_again():
    stays = [[]]
    await run_lifespan(with_lifespan(no_application))
    assert not any(each is stays for each in gc.get_objects())
