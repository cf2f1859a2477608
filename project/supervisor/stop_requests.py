"""Ctrl-C and SIGTERM: the first asks the processes to end, the second kills them."""

import asyncio
import signal


class StopRequests:
    def __init__(self) -> None:
        self.stop_requested = asyncio.Event()
        self.kill_requested = asyncio.Event()

    def listen(self) -> None:
        """Install the handlers in the running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.request_stop)

    def request_stop(self) -> None:
        if self.stop_requested.is_set():
            self.kill_requested.set()
        self.stop_requested.set()
