"""A person has work sent to an analyzer that did not ask, and learns what came of it."""

from __future__ import annotations

from tests.kit.download_bench import BY_HAND, AstmDownloads
from tests.kit.orders import request


def test_a_person_sends_one_tube_and_learns_what_came_of_it() -> None:
    bench = AstmDownloads(orders=BY_HAND)
    bench.writer.give_orders(request("S1", "GLU"), request("S1", "K"), request("S2", "GLU"))
    bench.plug_in()
    assert bench.run(2.0) == []
    reports = bench.want("S1", "S9")
    assert bench.tubes(bench.run()) == ["S1"]
    (report,) = reports
    assert (report.sent, report.tests, report.without_work) == (["S1"], 2, ["S9"])
    assert report.trouble == ""


def test_a_person_sends_everything_as_a_worklist() -> None:
    bench = AstmDownloads(orders=BY_HAND)
    tubes = [f"T{number:02}" for number in range(12)]
    bench.writer.give_orders(*[request(one, "GLU") for one in tubes])
    bench.plug_in()
    reports = bench.want()
    assert bench.tubes(bench.run(5.0)) == tubes
    assert reports[0].sent == tubes


def test_a_person_sends_a_rack() -> None:
    bench = AstmDownloads(orders=BY_HAND)
    bench.writer.give_orders(
        request("S1", "GLU", carrier="R07", position="1"),
        request("S2", "GLU", carrier="R08", position="1"),
    )
    bench.plug_in()
    reports = bench.want(carrier="R07")
    assert bench.tubes(bench.run()) == ["S1"]
    assert reports[0].sent == ["S1"]
    (nothing,) = bench.want(carrier="R99")
    assert "R99" in nothing.trouble


def test_a_person_may_send_a_tube_again_that_the_analyzer_lost() -> None:
    bench = AstmDownloads(orders=BY_HAND)
    bench.writer.give_orders(request("S1", "GLU"))
    bench.plug_in()
    bench.want("S1")
    assert bench.tubes(bench.run()) == ["S1"]
    bench.want("S1")
    assert bench.tubes(bench.run()) == ["S1"]


def test_a_wish_that_cannot_be_done_is_answered_at_once() -> None:
    off = AstmDownloads(orders={"download": "off"})
    off.plug_in()
    assert "did not ask for" in off.want("S1")[0].trouble
    unplugged = AstmDownloads(orders=BY_HAND)
    assert "no connection" in unplugged.want("S1")[0].trouble


def test_a_wish_ends_when_the_analyzer_does_not_answer_or_the_line_stops() -> None:
    bench = AstmDownloads(orders=BY_HAND)
    bench.writer.give_orders(request("S1", "GLU"), request("S2", "GLU"))
    bench.is_on = False
    bench.plug_in()
    first, second = bench.want("S1"), bench.want("S2")
    bench.run(20.0)
    assert "does not answer" in first[0].trouble
    assert first[0].not_taken.keys() == {"S1"}
    assert "does not answer" in second[0].trouble
    third = bench.want("S2")
    fourth = bench.want("S1")
    bench.line.downloads.stop()
    assert fourth[0].trouble == "the line was stopped"
    bench.end.loseConnection()
    bench.turn()
    assert "connection ended" in third[0].trouble


def test_wishes_are_bounded() -> None:
    bench = AstmDownloads(orders=BY_HAND)
    bench.writer.give_orders(request("S1", "GLU"))
    bench.is_on = False
    bench.plug_in()
    said = [bench.want(f"S{number}") for number in range(40)]
    assert any("enough is waiting" in one[0].trouble for one in said if one)
