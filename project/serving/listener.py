"""The socket that readers connect to: opened once, by the parent, so that its queue outlives any worker."""

import socket

from project.serving.errors import CannotServe
from project.serving.options import Options

# Connections that wait to be accepted; the kernel has a bound of its own (net.core.somaxconn).
BACKLOG = 2048


def open_listener(options: Options) -> socket.socket:
    return inherited(options.fd) if options.fd is not None else opened(options.host, options.port)


def opened(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise CannotServe(f"Port {port} of {host} cannot be used ({reason}): choose another with --port.") from error


def inherited(fd: int) -> socket.socket:
    """Whoever has started us has opened it: systemd's first is 3."""
    try:
        listener = socket.socket(fileno=fd)
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise CannotServe(f"File descriptor {fd} (--fd) is no socket ({error.strerror}).") from error
    if not listens:
        raise CannotServe(f"File descriptor {fd} (--fd) is a socket that does not listen.")
    return listener


def address_of(listener: socket.socket, *, tls: bool) -> str:
    """As a reader would type it."""
    name = listener.getsockname()
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return str(name)
    host, port = name[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
