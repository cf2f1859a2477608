"""A mail server of the tests' own: it speaks SMTP (RFC 5321) and keeps what it gets."""

import email
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.policy import default
from typing import Any


class MailServer:
    """`refusals`: replies to the next messages, such as "451 later"; then it takes them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.recipients: list[str] = []
        self.refusals: list[str] = []
        self.arrived = threading.Condition()
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                server.talk(self)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def talk(self, connection: Any) -> None:
        def say(line: str) -> None:
            connection.wfile.write(f"{line}\r\n".encode())

        say("220 ready")
        for line in connection.rfile:
            word = line.decode("ascii", "replace").strip()
            verb = word[:4].upper()
            if verb == "DATA":
                say("354 go on")
                content = b""
                while (part := connection.rfile.readline()) not in (b".\r\n", b""):
                    content += part.removeprefix(b".") if part.startswith(b"..") else part
                say(self.take(content))
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                if verb == "RCPT":
                    self.recipients.append(word.partition("<")[2].partition(">")[0])
                say("250 ok")

    def take(self, content: bytes) -> str:
        with self.arrived:
            if self.refusals:
                self.arrived.notify_all()
                return self.refusals.pop(0)
            self.messages.append(email.message_from_bytes(content, policy=default))
            self.arrived.notify_all()
        return "250 taken"

    def wait_for(self, count: int, seconds: float = 30.0) -> list[Message]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.messages) >= count, seconds), "no mail arrived"
            return list(self.messages)


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    server = MailServer()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        server.thread.join()
