"""Malformed requests, which the server refuses."""

import random

LINE = b"GET /page/0 HTTP/1.1\r\n"
HEADS = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"BREW /page/0 HTTP/1.1\r\nHost: site\r\n\r\n",
    b"GET /page/0 HTTP/1.1 HTTP/1.1\r\nHost: site\r\n\r\n",
    b"GET /page/0 HTTX/1.1\r\nHost: site\r\n\r\n",
    LINE + b"Host site\r\n\r\n",
    LINE + b"Host: site\r\nA b: c\r\n\r\n",
    LINE + b"Host: site\r\nA: b\x00c\r\n\r\n",
    LINE + b"Host: site\r\n: empty\r\n\r\n",
    LINE + b"Host: site\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    LINE + b"Host: site\r\nContent-Length: -1\r\n\r\n",
    LINE + b"Host: site\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: site\r\nContent-Length: 1x\r\n\r\n",
)
MANY_FIELDS = LINE + b"".join(b"A%d: b\r\n" % number for number in range(300)) + b"\r\n"
# It never ends.
HUGE_FIELD = LINE + b"A: " + b"b" * 70_000
REFUSED = (400, 431)


def malformed_request(chance: random.Random) -> bytes:
    return chance.choice([*HEADS, MANY_FIELDS, HUGE_FIELD, b"\xff" + chance.randbytes(chance.randrange(1, 2_000))])
