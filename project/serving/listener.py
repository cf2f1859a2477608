"""The listening socket. The parent opens it once, so that its queue outlives every worker."""

import os
import socket

from project.serving.options import Options
from project.supervision import CannotStart

# Connections that wait to be accepted. The kernel has a bound of its own (net.core.somaxconn).
BACKLOG = 2048
# Connections that a worker accepts in one turn of its event loop.
ACCEPTED_AT_ONCE = 8
# The first socket that systemd passes (sd_listen_fds(3)).
FIRST_OF_SYSTEMD = 3


def open_listener(options: Options) -> socket.socket:
    """The socket of `--fd`, else that of systemd, else a new one. Raises CannotStart."""
    fd = socket_of_systemd() if options.fd is None else options.fd
    return listen(options.host, options.port) if fd is None else inherit(fd)


def socket_of_systemd() -> int | None:
    """The file descriptor of the socket that systemd opened for this process. None without one. Raises CannotStart.

    The variables are removed: they are not for the processes that this one starts.
    """
    pid, count, _names = (os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not count.isdigit() or count == "0":
        return None
    if count != "1":
        raise CannotStart(f"systemd passes {count} sockets. One is served: leave one ListenStream in the unit.")
    return FIRST_OF_SYSTEMD


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
    """A socket that the process before this one has opened."""
    try:
        listener = socket.socket(fileno=fd)
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise CannotStart(f"File descriptor {fd} (--fd) is no socket ({error.strerror}).") from error
    # Those of systemd are inherited by every program. Workers get theirs by name.
    os.set_inheritable(fd, False)
    if not listens:
        raise CannotStart(f"File descriptor {fd} (--fd) is a socket that does not listen.")
    return listener


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """The address to type into a browser; for a Unix socket its path."""
    name = listener.getsockname()
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return str(name)
    host, port = name[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
