"""What `manage.py serve` was asked for, checked, and handed from the parent to its workers."""

import json
import ssl
from dataclasses import dataclass, fields
from typing import Self

from project.serving.errors import CannotServe

MOST_WORKERS = 64
# The request itself counts: with 1 every one would be refused.
LEAST_CONCURRENCY = 2


@dataclass(frozen=True, kw_only=True)
class Options:
    """`port` 0 is any free one. Raises CannotServe for what is out of bounds."""

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
        require(1 <= self.workers <= MOST_WORKERS, f"--workers is from 1 to {MOST_WORKERS}.")
        require(self.fd is None or self.fd > 2, "--fd is above 2: the first three are the terminal's.")
        require(
            self.limit_concurrency is None or self.limit_concurrency >= LEAST_CONCURRENCY,
            f"--limit-concurrency is at least {LEAST_CONCURRENCY}: with less, all is refused.",
        )
        require(not self.keyfile or bool(self.certfile), "--keyfile wants a --certfile.")

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """What differs from the defaults: short in a list of processes, and read by code of another day."""
        chosen = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps({name: value for name, value in chosen.items() if value != getattr(Options, name)})


def require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise CannotServe(otherwise)


def check_certificate(options: Options) -> None:
    """Said at once in a sentence; each worker would say it in a traceback."""
    if options.certfile:
        try:
            # An empty password: OpenSSL would ask the terminal for one, and wait.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certfile, options.keyfile, password="")
        except OSError as error:
            reason = error.strerror or str(error)
            raise CannotServe(f"The certificate {options.certfile} cannot be used ({reason}).") from error
