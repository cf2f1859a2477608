"""Random requests: for a page in each way, or with a body that the server returns."""

import random
from typing import NamedTuple

from tests.support.abuse.pages import COUNT, TELLING, size_of

KINDS = {"get": 8, "coded": 6, "conditional": 4, "head": 2, "range": 3, "echo": 1}
CODINGS = ("br", "zstd", "gzip", "gzip, deflate, br", "br;q=0.5, zstd", "*", "identity")
LONGEST_ECHO = 3_000


class Request(NamedTuple):
    """`sent`: the request as bytes. `tag`: its If-None-Match. `body`: its content."""

    kind: str
    number: int
    sent: bytes
    tag: str = ""
    body: bytes = b""


def random_request(chance: random.Random, tags: dict[int, str]) -> Request:
    """`tags`: the last entity tag that this client has seen, by page."""
    (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
    number, tag = chance.randrange(COUNT), ""
    match kind:
        case "echo":
            return echo(chance)
        case "conditional":
            tag = tags.get(number, '"none"')
            line = f"If-None-Match: {tag}\r\n"
        case "coded":
            line = f"Accept-Encoding: {chance.choice(CODINGS)}\r\n"
        case "range":
            line = f"Range: bytes={range_of(chance, size_of(number))}\r\n"
        case _:
            line = ""
    return Request(kind, number, head("HEAD" if kind == "head" else "GET", f"/page/{number}", line), tag)


def range_of(chance: random.Random, size: int) -> str:
    begin = chance.randrange(size - TELLING)
    some = begin + chance.randrange(TELLING, size)
    return chance.choice([f"{begin}-{some}", f"{begin}-", f"-{size - begin}", f"{size + begin}-"])


def echo(chance: random.Random) -> Request:
    body = chance.randbytes(chance.randrange(1, LONGEST_ECHO))
    if chance.random() < 0.5:
        return Request("echo", 0, head("POST", "/echo", f"Content-Length: {len(body)}\r\n") + body, body=body)
    parts = [part for part in (body[: len(body) // 2], body[len(body) // 2 :]) if part]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return Request("echo", 0, head("POST", "/echo", "Transfer-Encoding: chunked\r\n") + chunks, body=body)


def head(method: str, target: str, lines: str = "") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: site\r\n{lines}\r\n".encode()
