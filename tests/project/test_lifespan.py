"""The server's start and end, as a server asks for them (ASGI lifespan)."""

import gc

from project.lifespan import with_lifespan


async def alive(application) -> list[str]:
    asked, said = ["lifespan.startup", "lifespan.shutdown"], []

    async def receive():
        return {"type": asked.pop(0)}

    async def send(message):
        said.append(message["type"])

    await application({"type": "lifespan"}, receive, send)
    return said


async def nobody(scope, receive, send):
    raise AssertionError("this is not the application's")


async def test_it_says_that_it_has_started_and_ended():
    assert await alive(with_lifespan(nobody)) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_what_was_there_at_the_start_is_no_longer_walked_through():
    stays = [[]]
    await alive(with_lifespan(nobody))
    assert not any(each is stays for each in gc.get_objects())
