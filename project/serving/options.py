"""The options of `manage.py serve`, passed on to the parent and its workers."""

import json
import ssl
from dataclasses import dataclass, fields
from typing import Self

from project.supervision import CannotStart

MAX_WORKERS = 64
# uvicorn counts the request itself: with 1 it would refuse all.
MIN_CONCURRENCY = 2


@dataclass(frozen=True, kw_only=True)
class Options:
    """`port` 0 is any free one. Raises CannotStart for an option out of bounds."""

    host: str = "127.0.0.1"
    port: int = 8000
    fd: int | None = None
    workers: int = 1
    access_log: bool = False
    certfile: str | None = None
    keyfile: str | None = None
    forwarded_allow_ips: str | None = None
    limit_concurrency: int | None = None

    def __post_init__(self) -> None:
        require(0 <= self.port <= 65535, "--port is from 0 to 65535.")
        require(1 <= self.workers <= MAX_WORKERS, f"--workers is from 1 to {MAX_WORKERS}.")
        require(self.fd is None or self.fd > 2, "--fd is above 2: the first three are the terminal's.")
        require(
            self.limit_concurrency is None or self.limit_concurrency >= MIN_CONCURRENCY,
            f"--limit-concurrency is at least {MIN_CONCURRENCY}: with less, every request is refused.",
        )
        require(not self.keyfile or bool(self.certfile), "--keyfile needs a --certfile.")

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Only what differs from the defaults: short in a list of processes, and readable by other versions."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps({name: value for name, value in values.items() if value != getattr(Options, name)})


def require(condition: bool, message: str) -> None:
    if not condition:
        raise CannotStart(message)


def check_certificate(options: Options) -> None:
    """Raises CannotStart. Without this check, each worker would print a traceback."""
    if options.certfile:
        try:
            # With an empty password OpenSSL does not ask the terminal for one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certfile, options.keyfile, password="")
        except OSError as error:
            reason = error.strerror or str(error)
            raise CannotStart(f"The certificate {options.certfile} cannot be used ({reason}).") from error
