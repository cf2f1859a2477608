"""A mail server that prints what it gets (RFC 5321, as much as Django needs)."""

import asyncio
from collections.abc import Callable

LONGEST_LINE = 64 * 1024
REPLIES = {b"QUIT": b"221 Bye", b"DATA": b"354 End with a dot"}


async def serve_mail(port: int, print_line: Callable[[str, str], None]) -> asyncio.Server:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: bytes) -> None:
            writer.write(line + b"\r\n")

        say(b"220 fleet")
        is_message = False
        try:
            while line := await reader.readline():
                if is_message:
                    print_line("mail", line.decode(errors="replace").rstrip())
                    is_message = line != b".\r\n"
                    if is_message:
                        continue
                verb = line[:4].upper().strip()
                say(REPLIES.get(verb, b"250 OK"))
                is_message = verb == b"DATA"
                if verb == b"QUIT":
                    return
        except (ValueError, ConnectionError):
            # A line that is too long, or a client that has gone.
            return
        finally:
            writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", port, limit=LONGEST_LINE)
