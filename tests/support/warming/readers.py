"""A few readers who never stop, and what they meet."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

PAUSE = 0.05


@dataclass
class Readers:
    """Seconds that requests took, and the requests that failed, with the time of each."""

    url: str
    paths: list[str]
    waits: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[None]:
        ended = threading.Event()
        threads = [threading.Thread(target=self._read, args=[ended, seed]) for seed in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _read(self, ended: threading.Event, seed: int) -> None:
        chosen, weights = random.Random(seed), [1 / place for place in range(1, len(self.paths) + 1)]
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not ended.wait(PAUSE):
                [path] = chosen.choices(self.paths, weights)
                began = time.monotonic()
                try:
                    response = client.get(path)
                    if response.status_code >= 400:
                        self.failures.append(f"{path}: {response.status_code}")
                except httpx.HTTPError as error:
                    self.failures.append(f"{path}: {error!r}")
                self.waits.append(time.monotonic() - began)


def list_misses(url: str, paths: list[str]) -> list[str]:
    """The paths whose reader would wait for a load, with what the edge said."""
    misses = []
    with httpx.Client(base_url=url, timeout=30) as client:
        for path in paths:
            status = client.get(path).headers.get("cache-status", "")
            if "; hit" not in status:
                misses.append(f"{path}: {status}")
    return misses
