"""The ring of points: an hour, thinned out where it is old, and encoded once."""

import json

from content.ops.live.history import History
from content.ops.points import EVERY, MOST, Point
from content.ops.snapshot import Snapshot

START = 1_800_000_000


def points(count: int, first: int = START) -> list[Point]:
    return [Point(float(first + number * EVERY), "e", {"n": float(number)}, {}) for number in range(count)]


def sent(history: History, since: float = 0.0) -> list[dict]:
    message = json.loads(history.frame(since).text)
    assert message["kind"] == "history"
    return message["points"]


def test_it_keeps_one_point_of_five_seconds_and_an_hour_of_them():
    history = History()
    assert history.add(points(1)[0])
    assert not history.add(Point(START + 4.9, "e", {"n": 2.0}, {}))
    history.extend(points(MOST + 10))
    assert len(history.points) == MOST
    assert sent(history)[-1]["at"] == START + (MOST + 9) * EVERY


def test_late_points_are_sent_in_their_order():
    history = History()
    history.extend(reversed(points(30)))
    assert [point["counters"]["n"] for point in sent(history)] == list(range(30))


def test_a_viewer_that_comes_back_gets_what_it_missed():
    history = History()
    history.extend(points(100))
    assert [point["at"] for point in sent(history, START + 490.0)] == [START + 495.0]
    assert sent(history, START + 495.0) == []
    assert sent(history, START + 10_000.0) == []


def test_viewers_that_come_at_once_share_the_bytes():
    history = History()
    history.extend(points(100))
    assert history.frame(0.0) is history.frame(0.0)
    assert history.frame(START + 201.0) is history.frame(START + 204.0)
    before = history.frame(0.0)
    history.extend(points(101))
    assert history.frame(0.0) is not before


def test_an_empty_history_is_a_message_too():
    assert sent(History()) == []


def test_a_point_has_the_epoch_of_its_counters():
    """Else a restart of the counters would be shown as a rate below nothing."""
    history = History()
    history.add(Snapshot(float(START), "one", {"n": 9.0}, {"g": 1.0}).point)
    history.add(Snapshot(float(START + EVERY), "two", {"n": 1.0}, {"g": 2.0}).point)
    assert [(point["epoch"], point["counters"], point["gauges"]) for point in sent(history)] == [
        ("one", {"n": 9.0}, {"g": 1.0}),
        ("two", {"n": 1.0}, {"g": 2.0}),
    ]
