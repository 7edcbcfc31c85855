"""What could go wrong between an order and its analyzer: full disks, broken drivers, quick reconnects, loud replies."""

from __future__ import annotations

from typing import Any

from drivers.protocols.law.broadcast import CancellingLawDriver
from middleware.driver.api import EncodedAnswer
from middleware.observe.health import WarnableCode
from tests.kit.download_bench import (
    BY_HAND,
    ON_ORDER,
    AstmDownloads,
    LawDownloads,
    control,
)
from tests.kit.law_messages import generic_law, header, message
from tests.kit.orders import claimer, request


def test_an_outcome_that_the_store_cannot_take_is_written_before_anything_else_is_sent() -> None:
    """The analyzer has the work; the disk was full in that moment. It must not be sent twice, nor be lost."""
    bench = LawDownloads()
    bench.writer.give_orders(request("S1", "GLU"), request("S2", "GLU"))
    bench.connect()
    (first,) = bench.listen()
    bench.writer.is_automatic = False
    assert bench.answer(first, "ORC|OK|TEST011|||SC") == []
    bench.writer.fail_commit()
    bench.turn()
    assert bench.listen(40.0) == []
    bench.writer.is_automatic = True
    bench.writer.recover()
    (second,) = bench.listen(40.0)
    assert control(second) == ["NW TEST012"]
    assert [row["state"] for row in bench.writer.steps()] == ["sent", "claimed"]


def test_a_driver_that_names_steps_which_it_was_not_given_moves_nothing_else() -> None:
    """A fault of a third party's driver must not mark work as sent that nobody has."""

    class Greedy(CancellingLawDriver):
        def download(self, work: Any, context: Any) -> EncodedAnswer:
            good = super().download(work, context)
            return EncodedAnswer(good.text, (*good.steps, 2))

    bench = LawDownloads(driver=Greedy(generic_law().profile), orders=BY_HAND)
    bench.writer.give_orders(request("S1", "GLU"), request("S2", "GLU"))
    bench.connect()
    bench.want("S1")
    (text,) = bench.listen()
    bench.answer(text, "ORC|OK|TEST011|||SC")
    assert [row["state"] for row in bench.writer.steps()] == ["sent", "pending"]


def test_a_driver_that_leaves_tests_out_leaves_them_open() -> None:
    class Forgetful(CancellingLawDriver):
        def download(self, work: Any, context: Any) -> EncodedAnswer:
            return EncodedAnswer(super().download(work, context).text, (1,))

    bench = LawDownloads(driver=Forgetful(generic_law().profile))
    bench.writer.give_orders(request("S1", "GLU"), request("S1", "K"))
    bench.connect()
    (text,) = bench.listen()
    bench.answer(text, "ORC|OK|TEST011|||SC")
    assert bench.states() == {"GLU": "sent", "K": "pending"}
    assert "no message to the analyzer carries it" in bench.reasons()


def test_an_analyzer_that_comes_back_at_once_is_not_kept_waiting() -> None:
    """The new connection is there before the outcome of the old one is written."""
    bench = LawDownloads()
    bench.writer.give_orders(request("S1", "GLU"))
    bench.connect()
    assert len(bench.listen()) == 1
    bench.writer.is_automatic = False
    bench.end.loseConnection()
    bench.connect()
    bench.writer.is_automatic = True
    bench.writer.commit()
    assert len(bench.listen(0.2)) == 1


def test_an_analyzer_that_speaks_after_a_pause_is_tried_again_each_time() -> None:
    """Not only with the first word of a connection: it goes to sleep every evening."""
    bench = AstmDownloads(orders={"download": "on_order", "download_retry_s": 1800.0})
    bench.plug_in()
    for number in range(3):
        _let_speak(bench)
        bench.run(5.0)
        bench.is_on = False
        bench.writer.give_orders(request(f"S{number}", f"T{number}"))
        bench.news()
        bench.run(20.0)
        assert bench.states()[f"T{number}"] == "pending"
        bench.is_on = True
        _let_speak(bench)
        bench.run(5.0)
        assert bench.states()[f"T{number}"] == "sent"


def _let_speak(bench: AstmDownloads) -> None:
    text = b"H|\\^&\rP|1\rO|1|S9||^^^K\rR|1|^^^K|4.1\rL|1|N\r"
    bench.link.send_message(text, bench.clock.seconds())


def test_what_an_analyzer_says_of_a_message_is_in_no_warning_and_no_status() -> None:
    """Its words may name the patient; they stand with the order alone."""
    bench = LawDownloads()
    bench.writer.give_orders(request("S1", "GLU"))
    bench.connect()
    (text,) = bench.listen()
    bench.answer(text, "ERR|||207|E||||SAMPLE ANN is not known", code="AE")
    assert "SAMPLE ANN" in bench.reasons()[0]
    assert "SAMPLE" not in str(bench.line.status().orders)
    assert bench.health.is_raised(WarnableCode.WORK_NOT_TAKEN, "chem-1")
    bench.turn(120.0)
    texts = [one.text for one in bench.health.current()]
    assert texts
    assert not any("SAMPLE" in one for one in texts)


def test_orders_go_out_on_the_line_that_takes_them() -> None:
    """Two connections, one analyzer: results and queries on one, orders on the other; the work is the first one's."""
    asking = LawDownloads(answers_on="orders-1")
    takes = LawDownloads(orders={"download": "off"}, id="orders-1")
    asking.line.find_line = {"orders-1": takes.line}.get
    takes.line.outbound.carry(asking.line.downloads)
    asking.writer.give_orders(request("S1", "GLU"))
    asking.connect()
    assert asking.listen() == []
    assert "no connection" in asking.want("S1")[0].trouble
    takes.connect()
    assert asking.listen() == []
    (text,) = takes.listen()
    assert control(text) == ["NW TEST011"]
    takes.answer(text, "ORC|OK|TEST011|||SC")
    assert asking.states() == {"GLU": "sent"}
    assert {row["line"] for row in asking.writer.steps()} == {"chem-1"}


def test_a_test_that_only_another_line_does_is_left_to_it() -> None:
    bench = AstmDownloads(by=claimer(TSH="10"), orders=ON_ORDER)
    bench.writer.give_orders(request("S1", "GLU"))
    bench.plug_in()
    assert bench.run(2.0) == []
    assert bench.states() == {"GLU": "pending"}


def test_work_goes_out_after_a_message_that_was_being_committed() -> None:
    """An acknowledgement is no event of the link: nobody says that the line is free again."""
    bench = LawDownloads()
    bench.connect()
    bench.listen()
    bench.writer.is_automatic = False
    bench.send_block(message(header("OUL^R22^OUL_R22", "A-5"), "SPM|1|S-9"))
    bench.writer.give_orders(request("S1", "GLU"))
    bench.news()
    bench.writer.is_automatic = True
    bench.writer.commit()
    assert any(b"OML" in one for one in bench.listen(1.5))
