"""An analyzer is told of what was cancelled after it had it, and what it says of that stands in the history."""

from __future__ import annotations

from middleware.model import OrderRequest, ToTell
from middleware.store import steps, work
from middleware.store.steps import Change
from tests.kit.download_bench import BY_HAND, AstmDownloads, DownloadBench, LawDownloads, control
from tests.kit.law_messages import generic_law
from tests.kit.orders import request

TOLD = frozenset({"chem-1"})


def cancel(bench: DownloadBench, *ids: int) -> None:
    """A person cancels tests; the line's analyzer is to be told."""
    change = Change("ann", 1_930_000_000.0 + bench.clock.seconds(), "tube broken")
    bench.writer.run(lambda conn: work.cancel(conn, ids, change, TOLD))
    bench.news()


def given(bench: LawDownloads, *orders: OrderRequest) -> None:
    """The analyzer has these."""
    bench.writer.give_orders(*orders)
    bench.connect()
    for text in bench.listen():
        bench.answer(text, *[f"ORC|OK|{one.split()[1]}|||SC" for one in control(text)])


def untold(bench: DownloadBench) -> list[str]:
    return [str(row["to_tell"]) for row in bench.writer.raw_steps() if row["to_tell"]]


def last_words(bench: DownloadBench) -> str:
    return str(bench.writer.history()[-1]["reason"])


def test_a_law_analyzer_hears_of_a_cancel() -> None:
    bench = LawDownloads()
    given(bench, request("S1", "GLU"), request("S1", "K"))
    cancel(bench, 1)
    (told,) = bench.listen()
    assert control(told) == ["CA TEST011"]
    bench.answer(told, "ORC|CR|TEST011|||CA")
    assert bench.states() == {"GLU": "cancelled", "K": "sent"}
    assert untold(bench) == []
    assert "was told to cancel it" in last_words(bench)


def test_the_tests_of_one_tube_are_cancelled_in_one_message_and_of_others_in_the_next() -> None:
    bench = LawDownloads()
    given(bench, request("S1", "GLU"), request("S1", "K"))
    bench.writer.give_orders(request("S2", "GLU"))
    bench.news()
    (second,) = bench.listen()
    bench.answer(second, "ORC|OK|TEST013|||SC")
    cancel(bench, 1, 2, 3)
    (first,) = bench.listen()
    assert control(first) == ["CA TEST011", "CA TEST012"]
    (last,) = bench.answer(first, "ORC|CR|TEST011|||CA", "ORC|CR|TEST012|||CA")
    assert control(last) == ["CA TEST013"]


def test_an_analyzer_that_will_not_cancel_any_more_is_quoted_and_not_asked_again() -> None:
    """UC: it is measuring; its result comes and a person sees why."""
    bench = LawDownloads()
    given(bench, request("S1", "GLU"))
    cancel(bench, 1)
    (told,) = bench.listen()
    bench.answer(told, "ORC|UC|TEST011|||IP")
    assert "too late" in last_words(bench)
    assert bench.states() == {"GLU": "cancelled"}
    assert untold(bench) == []
    assert bench.listen(60.0) == []


def test_an_analyzer_that_rejects_the_whole_message_is_quoted() -> None:
    bench = LawDownloads()
    given(bench, request("S1", "GLU"))
    cancel(bench, 1)
    (told,) = bench.listen()
    bench.answer(told, code="AR")
    assert "AR" in last_words(bench)
    assert untold(bench) == []


def test_a_cancel_waits_for_an_analyzer_that_is_away() -> None:
    bench = LawDownloads()
    given(bench, request("S1", "GLU"))
    bench.end.loseConnection()
    bench.turn()
    cancel(bench, 1)
    assert untold(bench) == ["cancel"]
    bench.connect()
    (told,) = bench.listen()
    assert control(told) == ["CA TEST011"]
    bench.end.loseConnection()
    bench.turn()
    assert untold(bench) == ["cancel"]
    bench.connect()
    (again,) = bench.listen()
    bench.answer(again, "ORC|CR|TEST011|||CA")
    assert untold(bench) == []


def test_a_cancel_goes_before_new_work() -> None:
    """What the analyzer must not do is more urgent than what it may."""
    bench = LawDownloads()
    given(bench, request("S1", "GLU"))
    bench.writer.give_orders(request("S2", "GLU"))
    cancel(bench, 1)
    (first,) = bench.listen()
    assert control(first) == ["CA TEST011"]
    (second,) = bench.answer(first, "ORC|CR|TEST011|||CA")
    assert control(second) == ["NW TEST012"]


def test_a_cancel_while_the_work_is_on_its_way_is_told_afterwards() -> None:
    bench = LawDownloads()
    bench.writer.give_orders(request("S1", "GLU"))
    bench.connect()
    (text,) = bench.listen()
    cancel(bench, 1)
    assert bench.listen() == []
    (told,) = bench.answer(text, "ORC|OK|TEST011|||SC")
    assert control(told) == ["CA TEST011"]
    bench.answer(told, "ORC|CR|TEST011|||CA")
    assert bench.states() == {"GLU": "cancelled"}


def test_a_line_that_sends_only_by_hand_tells_by_itself() -> None:
    """A cancel must not wait for somebody who remembers it."""
    bench = LawDownloads(orders=BY_HAND)
    bench.writer.give_orders(request("S1", "GLU"))
    bench.connect()
    assert bench.listen(1.0) == []
    reports = bench.want("S1")
    (text,) = bench.listen()
    bench.answer(text, "ORC|OK|TEST011|||SC")
    assert reports[0].sent == ["S1"]
    cancel(bench, 1)
    (told,) = bench.listen()
    assert control(told) == ["CA TEST011"]


def test_an_astm_analyzer_hears_c() -> None:
    """LIS02-A2 8.4.12."""
    bench = AstmDownloads()
    bench.writer.give_orders(request("S1", "GLU"))
    bench.plug_in()
    bench.run()
    cancel(bench, 1)
    (order,) = [one for one in bench.run() if one.startswith("O")]
    assert (order.split("|")[2], order.split("|")[11]) == ("S1", "C")
    assert untold(bench) == []


def test_an_astm_analyzer_that_is_off_is_told_when_it_is_on() -> None:
    bench = AstmDownloads()
    bench.writer.give_orders(request("S1", "GLU"))
    bench.plug_in()
    bench.run()
    bench.is_on = False
    cancel(bench, 1)
    bench.run(20.0)
    assert untold(bench) == ["cancel"]
    bench.is_on = True
    assert any("|C|" in one for one in bench.run(60.0) if one.startswith("O"))
    assert untold(bench) == []


def test_what_a_driver_cannot_say_is_written_down_for_a_person() -> None:
    """Another word of LAW's than cancel does not exist: a changed priority is told by hand."""
    bench = LawDownloads(driver=generic_law())
    given(bench, request("S1", "GLU"))
    bench.writer.run(lambda conn: steps.let_tell(conn, [1], ToTell.CHANGE))
    bench.line.downloads.wake()
    assert bench.listen(1.0) == []
    assert "cannot be told" in last_words(bench)
    assert untold(bench) == []
