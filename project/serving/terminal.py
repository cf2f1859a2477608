"""A SIGHUP has two meanings: an operator's wish to restart, and a terminal that was closed."""

import os
import signal


def would_hang_up() -> bool:
    """Whether this process ends with its terminal: it has one, and was not started by nohup."""
    return has_terminal() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN


def has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
