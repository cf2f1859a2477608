"""What ties a worker to its parent: a pair of sockets, an end each.

Over it the worker says, in one byte, that it is ready. Nothing else is ever written: when one of the two dies,
however it dies, the kernel closes its end, and the other one reads the end of the stream.
"""

import os
import signal
import socket
import threading
import time

from project.serving import times

READY = b"1"


class Tether:
    """The worker's end. A thread holds it, which hears of a parent's death even while the event loop is stuck."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def hold(self) -> None:
        threading.Thread(target=self.until_cut, name="tether", daemon=True).start()

    def until_cut(self) -> None:
        try:
            while self.end.recv(1):
                pass
        except OSError:
            pass
        end_this_process()

    def say_ready(self) -> None:
        self.end.send(READY)


def end_this_process() -> None:
    """As the parent would have done: asked first, then at once."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(times.KILLED_AFTER)
    os._exit(1)
