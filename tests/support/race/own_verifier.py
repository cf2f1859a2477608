"""The verifier of a racing process. It writes what it checks and finds beside the journal."""

from pathlib import Path
from typing import Any

from content.caching.metrics.events import Event, subscribers
from content.caching.verify import Options, Verifier
from content.caching.verify.check import settle_by_time


def start_verifier(options: dict[str, Any]) -> Verifier:
    """With the share of the database's time that the option `verify` gives."""
    settle = settle_by_time
    if "most_rows" in options:
        from content.caching.watch.settled import changes_are_relayed as settle
    lines = Path(options["journal"]).with_suffix(".found")

    def note(event: Event) -> None:
        if event.what in ("checked", "inconsistent"):
            with lines.open("a") as file:
                file.write(f"{event.what} {event.key} in {event.tier} {event.reason}\n")

    subscribers.append(note)
    verifier = Verifier(options=Options(share=options["verify"], settle=settle, comparable=without_times))
    verifier.start()
    return verifier


def without_times(key: str, read: Any) -> dict[int, int]:
    """The values of the rows, without the times at which they were loaded."""
    return {row.row: row.value for row in getattr(read, "rows", (read,))}
