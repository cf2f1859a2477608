"""The person behind a command."""

import getpass
import os
import socket


def name_of_operator() -> str:
    """`user@host`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
