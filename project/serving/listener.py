"""The listening socket. The parent opens it once, so that its queue outlives every worker."""

import socket

from project.serving.options import Options
from project.supervision import CannotStart

# Connections that wait to be accepted. The kernel has a bound of its own (net.core.somaxconn).
BACKLOG = 2048
# Connections that a worker accepts in one turn of its event loop.
ACCEPTED_AT_ONCE = 8


def open_listener(options: Options) -> socket.socket:
    """Raises CannotStart."""
    return inherit(options.fd) if options.fd is not None else listen(options.host, options.port)


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    dualstack = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=dualstack)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise CannotStart(f"Port {port} of {host} cannot be used ({reason}): choose another with --port.") from error


def duplicate(listener: socket.socket) -> list[socket.socket]:
    """`listener` and duplicates of it, ACCEPTED_AT_ONCE in all, to be served together.

    libuv accepts one connection of each socket in a turn of the loop. With one socket, beside a thousand new
    connections that keep the loop busy, a reader waits for a thousand turns.
    """
    # All processes share this mode. A duplicate copies it from the object: a blocking one would stop other workers.
    listener.setblocking(False)
    return [listener, *(listener.dup() for _ in range(ACCEPTED_AT_ONCE - 1))]


def inherit(fd: int) -> socket.socket:
    """A socket that the process before this one has opened; the first of systemd is 3."""
    try:
        listener = socket.socket(fileno=fd)
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise CannotStart(f"File descriptor {fd} (--fd) is no socket ({error.strerror}).") from error
    if not listens:
        raise CannotStart(f"File descriptor {fd} (--fd) is a socket that does not listen.")
    return listener


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """As typed into a browser; for a Unix socket its path."""
    name = listener.getsockname()
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return str(name)
    host, port = name[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
