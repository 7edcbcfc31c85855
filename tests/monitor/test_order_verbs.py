"""The control verb that sends work by hand: which lines it asks, what it records, how long it waits."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from middleware.line.wish import SendReport, Wish
from middleware.monitor.order_verbs import ANSWER_WITHIN_S, MOST_SAMPLES, order_verbs
from middleware.pipeline.asked import CommandRefused
from middleware.store.schema import AUDIT
from tests.kit.hand_writer import HandWriter
from tests.kit.line_bench import BenchClock


class Line:
    """A line whose downloads keep what they are asked."""

    def __init__(self, line_id: str, *, can_send: bool = True) -> None:
        self.id = line_id
        self.can_send = can_send
        self.wishes: list[tuple[list[str], str, Wish]] = []

    @property
    def downloads(self) -> Line:
        return self

    def send(self, samples: list[str], carrier: str) -> Wish:
        wish = Wish(SendReport(self.id))
        self.wishes.append((samples, carrier, wish))
        return wish


class Bench:
    def __init__(self, *lines: Line) -> None:
        self.lines = list(lines)
        self.reactor = Clock()
        self.clock = BenchClock(self.reactor)
        self.writer = HandWriter(is_automatic=True)
        self.writer.give_orders()
        verbs = order_verbs(self, self.writer, self)  # type: ignore[arg-type]
        self.verb = verbs["orders.send"]

    def line(self, name: str) -> Line | None:
        return next((one for one in self.lines if one.id == name), None)

    def ask(self, **arguments: Any) -> list[Any]:
        """The answer comes into the list, or the error."""
        came: list[Any] = []
        Deferred.fromCoroutine(self.verb(arguments, "ann")).addBoth(came.append)
        return came

    def recorded(self) -> list[tuple[str, str, str]]:
        rows = self.writer.run(lambda conn: conn.execute(select(AUDIT)).mappings().all())
        return [(row["author"], row["action"], row["subject"]) for row in rows]


def test_tubes_go_to_every_line_that_sends_and_it_is_recorded_first() -> None:
    chem, silent, immuno = Line("chem-1"), Line("old-1", can_send=False), Line("immuno-1")
    bench = Bench(chem, silent, immuno)
    came = bench.ask(samples=["S1"], reason="urgent")
    assert bench.recorded() == [
        ("ann", "orders.send", "line chem-1"),
        ("ann", "orders.send", "line immuno-1"),
    ]
    assert came == []
    for line in (chem, immuno):
        line.wishes[0][2].end()
    (answer,) = came
    assert [(one["line"], one["is_done"]) for one in answer["lines"]] == [
        ("chem-1", True),
        ("immuno-1", True),
    ]
    assert silent.wishes == []


def test_a_long_worklist_is_answered_before_it_is_done() -> None:
    chem = Line("chem-1")
    bench = Bench(chem)
    came = bench.ask(line="chem-1")
    chem.wishes[0][2].report.sent.append("S1")
    bench.reactor.advance(ANSWER_WITHIN_S)
    (report,) = came[0]["lines"]
    assert (report["sent"], report["is_done"]) == (["S1"], False)


def test_a_rack_is_asked_of_one_line() -> None:
    chem = Line("chem-1")
    bench = Bench(chem)
    bench.ask(line="chem-1", rack="R07")
    assert chem.wishes[0][:2] == ([], "R07")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"line": "none-1", "samples": ["S1"]}, "no line none-1"),
        ({"rack": "R07"}, "which line"),
        ({"samples": ["S1"] * (MOST_SAMPLES + 1), "line": "chem-1"}, "at most"),
        ({"samples": [7], "line": "chem-1"}, "sample ids"),
        ({"samples": "S1", "line": "chem-1"}, "sample ids"),
        ({"samples": [""], "line": "chem-1"}, "sample ids"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_not_recorded(
    arguments: dict[str, Any], words: str
) -> None:
    bench = Bench(Line("chem-1"))
    (failure,) = bench.ask(**arguments)
    assert isinstance(failure.value, CommandRefused)
    assert words in str(failure.value)
    assert bench.recorded() == []


def test_a_node_whose_lines_never_send_says_what_to_set() -> None:
    bench = Bench(Line("chem-1", can_send=False))
    (failure,) = bench.ask(samples=["S1"])
    assert "by_hand" in failure.value.what_to_do
