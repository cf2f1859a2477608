"""For a worker of the tests: it records a point of the dashboards' history each half second, not each five."""

from content.ops.live import history

history.EVERY = 0.5  # type: ignore[attr-defined,assignment]  # in the module that reads it
